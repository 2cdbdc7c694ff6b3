"""Makes a blank hub somebody's: the same steps over a cable (`telehub provision`) and on the twin.

`await run(program) -> text` executes MicroPython on the hub and returns what it left in `result`. The hub makes
its keys; requests leave it; certificates, settings and the platform's public key go back; the hub proves that it holds
the agreement key before anything is registered.
"""

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tools.backend.keys import HubKeys, Keyring, point_of
from tools.backend.receipt import receipt_key
from tools.technician.ca import Authority, check_request

_REQUEST = """
import bluetooth, json, machine, os
bluetooth.BLE().active(True)  # the radio feeds the chip's random source
from firmware import enrolling
element = None
{element}
result = json.dumps(enrolling.request(machine.unique_id(), os.urandom, element))
"""
_ELEMENT = """
from firmware.board.atecc608 import SecureElement
element = SecureElement({scl}, {sda}, {slot})
"""
_ACCEPT = """
import json, machine
from firmware import enrolling
package = json.loads({package!r})
octets = bytes.fromhex
result = json.dumps(enrolling.accept(
    machine.unique_id(), package["settings"], octets(package["authority"]), octets(package["certificate"])
))
"""


class EnrolmentFailed(Exception):
    """The hub's answer does not hold together; args[0] says which part."""


@dataclass(frozen=True)
class Enrolled:
    """A hub that is registered now."""

    hub: str
    signing_point: bytes
    receipt_key: bytes
    agreement_point: bytes


@dataclass(frozen=True)
class Asked:
    """What a blank hub showed: its name, its request for a certificate, its public points."""

    hub: str
    request: bytes
    signing: bytes
    agreement: bytes


async def ask(run: Callable[[str], Awaitable[str]], signer: dict | None = None) -> Asked:
    """Have the hub make its keys, unless it has them, and show what may leave it. PeerError when it is malformed.

    `signer`: where the secure element is that makes the signing key (the settings' "signer").
    """
    element = _ELEMENT.format(**signer) if signer else ""
    asked = _answer(await run(_REQUEST.format(element=element)))
    hub = asked["hub"]
    request = bytes.fromhex(asked["tls"])
    check_request(request, hub)
    signing = point_of(check_request(bytes.fromhex(asked["signing"]), hub))
    return Asked(hub, request, signing, bytes.fromhex(asked["agreement"]))


async def give(
    run: Callable[[str], Awaitable[str]],
    asked: Asked,
    authority_der: bytes,
    certificate: bytes,
    keyring: Keyring,
    settings: dict,
) -> Enrolled:
    """Give the hub what makes it work, see it prove itself, and register it."""
    package = {
        "settings": {**settings, "platform": {"agreement": keyring.platform_point.hex()}},
        "authority": authority_der.hex(),
        "certificate": certificate.hex(),
    }
    proof = _answer(await run(_ACCEPT.format(package=json.dumps(package))))
    key = receipt_key(keyring, HubKeys(asked.hub, asked.signing, asked.agreement))
    expected = hmac.new(key, b"telehub enrolment" + bytes.fromhex(asked.hub), hashlib.sha256).hexdigest()
    if proof["hub"] != asked.hub or not hmac.compare_digest(proof["proof"], expected):
        raise EnrolmentFailed("the hub cannot prove that it holds its agreement key")
    keyring.register(asked.hub, asked.signing, asked.agreement, hashlib.sha256(certificate).hexdigest())
    return Enrolled(asked.hub, asked.signing, key, asked.agreement)


async def enrol(
    run: Callable[[str], Awaitable[str]],
    authority: Authority,
    keyring: Keyring,
    settings: dict,
    operator: bytes | None = None,
) -> Enrolled:
    """Enrol the hub behind `run` with these settings, but for `platform` and `operator`, which are filled in here.

    `operator` is the public point whose orders the hub will obey; without one it obeys none.
    """
    if operator is not None:
        settings = {**settings, "operator": {"key": operator.hex()}}
    asked = await ask(run, settings.get("signer"))
    certificate = authority.sign_request(asked.request, asked.hub)
    return await give(run, asked, authority.certificate_der, certificate, keyring, settings)


def _answer(text: str) -> dict:
    """What a program on the hub answered; its traceback when it failed."""
    try:
        answer = json.loads(text)
    except ValueError:
        raise EnrolmentFailed(text.strip() or "no answer") from None
    return answer
