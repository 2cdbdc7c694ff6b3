"""What a hub seals and what it believes: how small against signed JSON, and whether any changed bit passes.

Envelopes and receipts are a hub's own and its platform's, of visits to a cuff every quarter of an hour.
"""

import asyncio
import json
import os
import random
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from firmware.contracts import PeerError
from firmware.uplink.receipt import open_message
from tools.host import budget
from tools.host import compile as build
from tools.host.bench import jws
from tools.host.bench.plan import Plan
from tools.host.figures import Figure
from tools.host.interpreters import micropython32
from tools.host.output import CommandError
from tools.inspect.cose import BadMessage
from tools.inspect.envelope import Envelope, decode_envelope, decode_receipt
from tools.simulator.devices import Patient
from tools.simulator.house import CUFF, HUB, House

VISITS = 200
_EVERY_S = 300
_CHECKED = 24  # receipts whose check is measured
_MEASURED = Path(__file__).with_name("seal_measured.py")
_TIMEOUT_S = 60


@dataclass(frozen=True)
class Letters:
    """What one hub sent and what it was answered, and the keys by which either is believed."""

    envelopes: tuple[bytes, ...]
    receipts: tuple[bytes, ...]
    opened: tuple[Envelope, ...]
    signing: ec.EllipticCurvePublicKey
    receipt_key: bytes
    platform_kid: bytes

    def public(self, kid: bytes) -> ec.EllipticCurvePublicKey | None:
        """The hub's key under its kid, and no other."""
        return self.signing if kid == self.opened[0].kid else None


class _Keys:
    def __init__(self, letters: Letters):
        self.hub, self.kid, self.key = bytes.fromhex(HUB), letters.platform_kid, letters.receipt_key


class _Plans:
    """A journal in which every envelope still waits for its receipt."""

    def __init__(self, opened: tuple[Envelope, ...]):
        self.chain = bytes.fromhex(opened[0].chain)
        self._plans = {one.sequence: one for one in opened}

    def open_plans(self) -> list[int]:
        return list(self._plans)

    def read_plan(self, sequence: int) -> Envelope:
        return self._plans[sequence]


@cache
def letters(seed: int, visits: int) -> Letters:
    """Live through it."""
    with House(seed, (CUFF,)) as house:
        house.world.run(house.ready())
        house.world.run(_story(house, visits))
        arrivals = house.platform.named("up")
        signing = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), house.enrolled.signing_point)
        envelopes = tuple(bytes(arrival.octets) for arrival in arrivals)
        return Letters(
            envelopes,
            tuple(arrival.answer for arrival in arrivals if arrival.answer is not None),
            tuple(decode_envelope(octets, lambda _: signing) for octets in envelopes),
            signing,
            house.enrolled.receipt_key,
            house.keyring.platform_kid,
        )


async def _story(house: House, visits: int) -> None:
    patient = Patient("heart_failure", random.Random(house.seed))
    for _ in range(visits):
        house.devices[0].press(patient.blood_pressure())
        await asyncio.sleep(_EVERY_S)
    await house.until_delivered()


def measure(plan: Plan) -> Iterator[Figure]:
    """Figures whose names begin with `seal`."""
    if plan.asks("seal.times_smaller_than_jws"):
        yield from smaller(letters(plan.seed, VISITS))
    if plan.asks("seal.receipt_garbage_octets"):
        yield garbage(letters(plan.seed, VISITS))
    if plan.asks("seal.flipped_bits_accepted"):
        yield from flipped(letters(plan.seed, VISITS), VISITS)


def smaller(seen: Letters) -> Iterator[Figure]:
    """Against JWS with the same fields, of the longest lone reading after the first (which describes its device)."""
    alone = [at for at in range(1, len(seen.opened)) if len(seen.opened[at].readings) == 1]
    at = max(alone, key=lambda at: len(seen.envelopes[at]))
    octets = len(seen.envelopes[at])
    for name, made, target in (
        ("fhir", jws.fhir, budget.JWS_OF_FHIR_TIMES_MIN),
        ("plain_json", jws.plain, budget.JWS_OF_JSON_TIMES_MIN),
    ):
        peer = len(jws.compact(made(seen.opened[at])))
        figure = f"seal.times_smaller_than_jws_of_{name}"
        yield Figure(figure, round(peer / octets, 2), "times", target, "min", f"JWS of {name}", peer)


def garbage(seen: Letters) -> Figure:
    """The most that checking one receipt leaves behind, on the 32-bit interpreter."""
    build.image()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "given.json")
        receipts = [
            [one.sequence, one.hash.hex(), octets.hex()]
            for one, octets in zip(seen.opened, seen.receipts, strict=True)
        ][:_CHECKED]
        keys = {"kid": seen.platform_kid.hex(), "key": seen.receipt_key.hex()}
        path.write_text(json.dumps({"hub": HUB, "chain": seen.opened[0].chain, **keys, "receipts": receipts}))
        ran = subprocess.run(
            [micropython32().path, "-X", f"heapsize={budget.HUB_HEAP_OCTETS}", str(_MEASURED), str(path)],
            env={**os.environ, "MICROPYPATH": str(build.folder("x86"))}, capture_output=True, text=True, check=False,
            timeout=_TIMEOUT_S, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    told = json.loads(ran.stdout) if ran.stdout and not ran.returncode else {}
    if told.get("checked") != len(receipts):
        raise CommandError("the check of a receipt cannot be measured", ran.stderr or ran.stdout)
    most, checked = told["garbage"], told["checked"]
    return Figure("seal.receipt_garbage_octets", most, "octets", budget.RECEIPT_GARBAGE_OCTETS_MAX, runs=checked)


def flipped(seen: Letters, count: int) -> Iterator[Figure]:
    """Every single bit of `count` envelopes and receipts, by platform, `telehub verify` and hub: how many passed."""
    plans, keys = _Plans(seen.opened), _Keys(seen)

    def hub_reads(octets: bytes) -> object:
        return open_message(octets, keys, plans, None)

    def platform_reads(octets: bytes) -> object:
        return decode_envelope(octets, seen.public)

    def verify_reads(octets: bytes) -> object:
        return decode_receipt(octets, seen.receipt_key)

    for name, letters_, readers in (
        ("envelopes", seen.envelopes[:count], (platform_reads,)),
        ("receipts", seen.receipts[:count], (hub_reads, verify_reads)),
    ):
        bits = sum(len(octets) * 8 for octets in letters_)
        if len(letters_) < count:
            raise CommandError(f"only {len(letters_)} {name} arrived", "more visits")
        accepted = sum(accepted_bits(octets, read) for octets in letters_ for read in readers)
        yield Figure(f"seal.flipped_bits_accepted.{name}", accepted, "bits", 0, runs=bits)


def accepted_bits(octets: bytes, read: Callable[[bytes], object]) -> int:
    """How many of the messages that differ from a good one in one bit are believed; the good one must be."""
    read(octets)
    accepted = 0
    for at in range(len(octets) * 8):
        changed = bytearray(octets)
        changed[at >> 3] ^= 1 << (at & 7)
        try:
            read(bytes(changed))
            accepted += 1
        except (BadMessage, PeerError):
            pass
    return accepted
