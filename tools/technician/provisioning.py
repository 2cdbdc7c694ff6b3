"""From a board with MicroPython to a hub that the platform trusts: each step looks first, and does what is missing.

A cable that is pulled at any command costs nothing: the next run finds what is done. Keys are made on the chip and stay
there; what is signed is in the ledger before the chip gets it; only a chip that proves itself is registered.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from firmware.contracts import PeerError
from tools.backend.keys import KeyProblem, point_of
from tools.technician import application, enrol
from tools.technician.ca import check_request
from tools.technician.ledger import Ledger, Row, SecondIdentity, SharedKeys
from tools.technician.line import Line
from tools.technician.programme import Programme

RAM_OCTETS_MIN = 1_500_000  # as firmware/board/chip.py
JOURNAL, SLOT = "journal", "app_a"

FACTS = """
import esp32, json, machine, os, sys
uname = os.uname()
partitions = esp32.Partition.find(esp32.Partition.TYPE_DATA) + esp32.Partition.find(esp32.Partition.TYPE_APP)
print(json.dumps({
    "hub": machine.unique_id().hex(), "machine": uname[4], "micropython": uname[2], "mpy": sys.implementation._mpy,
    "ram_octets": sum([region[0] for region in esp32.idf_heap_info(esp32.HEAP_DATA)]),
    "partitions": [part.info()[4] for part in partitions],
}))
"""
# The settings that a hub has, as digests; None when it is blank or cannot use its keys.
_ENROLLED = """
import json, machine
from firmware import config, enrolment
found = None
try:
    enrolment.load_keys(machine.unique_id())
    kept = config.Store(config.FOLDER, "settings").load()
    authority, certificate, _ = enrolment.load_tls()
    found = {"devices": kept.pop("devices"), "certificate": _digest(certificate), "authority": _digest(authority)}
    found["settings"] = {name: _digest(_canonical(kept[name]).encode()) for name in kept}
except Exception:
    found = None
print(json.dumps(found))
"""
# dicts have no order on the chip: the same value is the same text only when it is written in one.
_CANONICAL = """
def _digest(octets):
    import hashlib
    return hashlib.sha256(octets).digest().hex()
def _canonical(value):
    import json
    if isinstance(value, dict):
        return "{" + ",".join([json.dumps(name) + ":" + _canonical(value[name]) for name in sorted(value)]) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join([_canonical(one) for one in value]) + "]"
    return json.dumps(value)
"""
ENROLLED = _CANONICAL + _ENROLLED


class Refused(Exception):
    """This board is not made a hub; args are the reason and what to do."""


class Waiting(Exception):
    """Another authority has to sign first; args are what was written, and what is waited for."""


@dataclass(frozen=True)
class Done:
    """What became of one board."""

    hub: str
    serial: str
    certificate_sha256: str
    application: str
    library: str
    micropython: str
    copied: int
    new: bool


Told = Callable[[str, float], None]
"""What is being done, and how much of it (0 to 1)."""


def settings_of(programme: Programme, row: Row, devices: list[Any]) -> dict[str, Any]:
    """What one hub is told, but for the platform's key (enrol.py fills that in)."""
    return {
        **programme.settings,
        "devices": devices,
        "operator": {"key": programme.operator_point.hex()},
        "setup_code": row.setup_code,
        **({"release": {"key": programme.release_point.hex()}} if programme.release_point else {}),
    }


def provision(
    line: Line, programme: Programme, ledger: Ledger, told: Told, library: Path | None = None
) -> Done:
    """Bring the board on this line to the end of the road, from wherever it is."""
    told("looking", 0)
    facts = line.answer(FACTS)
    _fit(facts)
    slots = SLOT in facts["partitions"]
    wanted = application.made(facts["mpy"], library, slots)
    application.mount(line, slots)
    copied = application.install(line, wanted, lambda done, total: told("copying", done / max(1, total)))
    told("keys", 0)
    asked = _sane(asyncio.run(enrol.ask(line.result, programme.settings.get("signer"))), facts)
    _renewed(programme, ledger, asked)
    points = (_tls_point(asked), asked.signing.hex(), asked.agreement.hex())
    try:
        row = ledger.asked(asked.hub, *points)
    except SecondIdentity:
        raise Refused(
            "this chip has other keys than the ledger knows of it",
            "if they were wiped on purpose: telehub reset; if not, find out who did it",
        ) from None
    except SharedKeys as shared:
        raise Refused(
            f"this chip has keys of hub {shared.args[0]}: its flash was copied", "telehub flash, and start again"
        ) from None
    if row.certificate is None:
        told("certificate", 0)
        certificate = _certificate(programme, asked)
        row = ledger.signed(asked.hub, certificate, hashlib.sha256(certificate).hexdigest())
    assert row.certificate is not None
    new = _give(line, programme, asked, row, told)
    application.keep(line, slots)
    ledger.provisioned(asked.hub, wanted.application, wanted.library, facts["micropython"])
    told("done", 1)
    return Done(
        asked.hub, row.serial, row.certificate_sha256, wanted.application, wanted.library, facts["micropython"],
        copied, new or copied > 0,
    )  # fmt: skip


def _fit(facts: dict) -> None:
    if "ESP32S3" not in facts["machine"]:
        raise Refused(f"this is no ESP32-S3: {facts['machine']}", "take another board")
    if facts["ram_octets"] < RAM_OCTETS_MIN:
        raise Refused("this board has no PSRAM (or MicroPython's image for boards without it)", "telehub flash")
    if JOURNAL not in facts["partitions"]:
        raise Refused("this board has no journal partition", "telehub flash")


def _sane(asked: enrol.Asked, facts: dict) -> enrol.Asked:
    if asked.hub != facts["hub"]:
        raise Refused(f"the chip says that it is {facts['hub']} and asks for {asked.hub}", "look at its application")
    return asked


def _renewed(programme: Programme, ledger: Ledger, asked: enrol.Asked) -> None:
    """An order may have changed the signing key: then the platform knows the new one, and the others are the same."""
    row, known = ledger.hub(asked.hub), programme.keyring.hub(asked.hub)
    if row is None or known is None or known.signing != asked.signing or row.signing == asked.signing.hex():
        return
    if (row.tls, row.agreement) == (_tls_point(asked), asked.agreement.hex()):
        ledger.renewed(asked.hub, asked.signing.hex())


def _tls_point(asked: enrol.Asked) -> str:
    return point_of(check_request(asked.request, asked.hub)).hex()


def _certificate(programme: Programme, asked: enrol.Asked) -> bytes:
    """From our own authority; else the request goes out as a file, and the certificate comes in as one."""
    if programme.authority is not None:
        return programme.authority.sign_request(asked.request, asked.hub)
    incoming = programme.folder / "certificates" / f"{asked.hub}.pem"
    if not incoming.exists():
        request = programme.folder / "requests" / f"{asked.hub}.pem"
        request.parent.mkdir(exist_ok=True)
        request.write_bytes(x509.load_der_x509_csr(asked.request).public_bytes(Encoding.PEM))
        raise Waiting(str(request), str(incoming))
    return _foreign(incoming, programme, asked)


def _foreign(path: Path, programme: Programme, asked: enrol.Asked) -> bytes:
    """A certificate of another authority, when it is this hub's."""
    authority = x509.load_der_x509_certificate(programme.authority_der)
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        certificate.verify_directly_issued_by(authority)
    except Exception as error:  # noqa: BLE001 - the library names many; each means the same here
        raise Refused(f"{path}: not signed by ca.pem ({type(error).__name__})", "ask the authority again") from None
    asked_for = x509.load_der_x509_csr(asked.request)
    if certificate.public_key() != asked_for.public_key() or certificate.subject != asked_for.subject:
        raise Refused(f"{path}: for another key or another hub", "ask the authority again")
    return certificate.public_bytes(Encoding.DER)


def _give(line: Line, programme: Programme, asked: enrol.Asked, row: Row, told: Told) -> bool:
    """Settings and certificates, unless the hub has them; devices that were paired stay. True when any was new."""
    there = line.answer(ENROLLED)
    devices = (there["devices"] if there else []) or programme.settings["devices"]
    settings = settings_of(programme, row, devices)
    told("settings", 0)
    if there and _same(there, programme, row) and programme.keyring.hub(asked.hub) is not None:
        return False
    assert row.certificate is not None
    try:
        asyncio.run(
            enrol.give(line.result, asked, programme.authority_der, row.certificate, programme.keyring, settings)
        )
    except (enrol.EnrolmentFailed, KeyProblem) as error:
        raise Refused(str(error), "telehub doctor") from None
    except PeerError as error:
        raise Refused(" ".join(map(str, error.args)), "settings.json") from None
    return True


def _same(there: dict, programme: Programme, row: Row) -> bool:
    return (
        not differing(there, programme, row)
        and there["certificate"] == row.certificate_sha256
        and there["authority"] == hashlib.sha256(programme.authority_der).hexdigest()
    )


def differing(there: dict, programme: Programme, row: Row) -> list[str]:
    """The settings, but for the devices, that a hub has otherwise than its programme says."""
    wanted = settings_of(programme, row, [])
    wanted["platform"] = {"agreement": programme.keyring.platform_point.hex()}
    wanted.pop("devices")
    digests = {name: hashlib.sha256(_canonical(value).encode()).hexdigest() for name, value in wanted.items()}
    names = sorted(digests.keys() | there["settings"].keys())
    return [name for name in names if there["settings"].get(name) != digests.get(name)]


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)

