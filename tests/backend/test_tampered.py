"""One table of what can be done to a row of envelopes on its way, and the name that platform and `verify` give it.

The envelopes are written by tests/backend/envelopes.py, which shares nothing with the hub's code or with the readers.
"""

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field

import cbor2
import pytest
from cwt import COSE, COSEKey

from tests.backend.envelopes import (
    CHAIN,
    HUB,
    MORNING_S,
    Chain,
    Pressure,
    arranged,
    cuff_session,
    hash_of,
    payload,
    private_key,
    public,
    seal,
    sign,
)
from tests.backend.platform import OTHER, Platform
from tools import cli
from tools.backend import completeness
from tools.backend.health import HealthDesk
from tools.backend.keys import kid_of, public_jwk
from tools.backend.receipt import receipt_key

COUNT = 5
STORED = ("stored", None)
KEY = private_key("sign " + HUB)


def held(reason):
    return ("held", reason)


class Row:
    """Five envelopes of one hub, one reading each, and what an attacker may have beside them."""

    def __init__(self):
        self.chain = Chain()
        self.letters = [self.chain.seal(pressure(number)) for number in range(COUNT)]

    def hashes(self):
        return [bytes(32), *map(hash_of, self.letters)]

    def sealed(self, sequence, previous, first, systolic=120, **more):
        """An envelope with the hub's own key that says what it should not: a stolen hub, or one gone wrong."""
        sessions = [cuff_session([pressure(first, systolic)], visit=sequence)]
        return seal(payload(sessions, sequence, previous, first, more=more.get("more"), hub=more.get("hub", HUB)))


def pressure(number, systolic=120):
    return Pressure(systolic=systolic + number, minute=number, after_s=60 * number)


def bit(at):
    def change(row):
        octets = bytearray(row.letters[2])
        octets[at] ^= 0x10
        return [*row.letters[:2], bytes(octets), *row.letters[3:]]

    return change


def swap_signatures(row):
    two, three = (cbor2.loads(octets).value for octets in row.letters[1:3])
    two[3], three[3] = three[3], two[3]
    both = [cbor2.dumps(cbor2.CBORTag(18, parts)) for parts in (two, three)]
    return [row.letters[0], *both, *row.letters[3:]]


def other_header(row):
    """Its payload under the content type of a health report, signed by the hub itself."""
    changed = sign(cbor2.loads(row.letters[2]).value[2], KEY, 65001)
    return [*row.letters[:2], changed, *row.letters[3:]]


def put(at, make):
    return lambda row: [*row.letters[:at], make(row), *row.letters[at + 1 :]]


def foreign_hub(row):
    other = Chain(OTHER)
    return [other.seal(pressure(number)) for number in range(3)][2]


@dataclass
class Case:
    """`arrive(row)`: what comes in the place of the five. Then: answers, how the chain stands, what verify says."""

    arrive: object
    answers: list
    missing: tuple = ()
    forked: tuple = ()
    readings: int = COUNT
    verify: dict = field(default_factory=dict)
    chained: dict = field(default_factory=dict)


FIVE = [STORED] * COUNT
WITHOUT_3 = {"ok": False, "missing": [3], "captures_missing": [[3, 1]]}
CASES = {
    "nothing": Case(lambda row: row.letters, FIVE, verify={"ok": True, "missing": [], "forked": [], "bad": []}),
    "a bit of the signature": Case(
        bit(-1), [STORED, STORED, held("signature"), STORED, STORED], ((3, 3),), (), 4,
        {"ok": False, "bad": [3], "missing": []},
    ),
    "a bit of a reading": Case(
        bit(-100), [STORED, STORED, held("signature"), STORED, STORED], ((3, 3),), (), 4,
        {"ok": False, "bad": [3], "missing": []},
    ),
    "a bit of the key id": Case(
        bit(14), [STORED, STORED, held("keys"), STORED, STORED], ((3, 3),), (), 4,
        {"ok": False, "bad": [3], "missing": []},
    ),
    "a bit of the frame": Case(
        bit(1), [STORED, STORED, None, STORED, STORED], ((3, 3),), (), 4, {**WITHOUT_3, "bad": ["3.cose"]},
    ),
    "signatures swapped": Case(
        swap_signatures, [STORED, held("signature"), held("signature"), STORED, STORED], ((2, 3),), (), 3,
        {"ok": False, "bad": [2, 3]},
    ),
    "passed off as another kind": Case(
        other_header, [STORED, STORED, None, STORED, STORED], ((3, 3),), (), 4, {"ok": False, "bad": [3]},
    ),
    "arrival in another order": Case(
        lambda row: [row.letters[at] for at in (3, 1, 4, 0, 2)], FIVE, verify={"ok": True, "missing": []}
    ),
    "sealed in another order": Case(
        # 3 and 4 change places: each joins what it should not.
        lambda row: [*row.letters[:2], row.sealed(3, row.hashes()[3], 4), row.sealed(4, row.hashes()[2], 3),
                     row.letters[4]],
        [STORED, STORED, held("previous"), held("previous"), held("previous")], (), (), 2,
        {"ok": False}, {3: "broken", 4: "broken", 5: "broken"},
    ),
    "replay": Case(
        lambda row: [*row.letters, row.letters[1], row.letters[1]], [*FIVE, STORED, STORED],
        verify={"ok": True, "readings": COUNT, "envelopes": COUNT + 2},
    ),
    "replay of a reading under a new number": Case(
        lambda row: [*row.letters, row.sealed(6, row.hashes()[5], 3, 118)], [*FIVE, held("captures")],
        (), (), COUNT, {"ok": False, "bad": [6]},
    ),
    "gap": Case(
        lambda row: [*row.letters[:2], *row.letters[3:]], [STORED] * 4, ((3, 3),), (), 4, WITHOUT_3, {4: "gap"},
    ),
    "beginning cut off": Case(
        lambda row: row.letters[2:], [STORED] * 3, ((1, 2),), (), 3, {"ok": False, "missing": [1, 2]},
    ),
    "fork": Case(
        lambda row: [*row.letters, row.sealed(3, row.hashes()[2], 3, 180)], [*FIVE, held("fork")],
        (), (3,), COUNT, {"ok": False, "forked": [3]}, {3: "fork", 4: "ok"},
    ),
    "another past": Case(
        put(2, lambda row: row.sealed(3, b"\x5a" * 32, 3)),
        [STORED, STORED, held("previous"), held("previous"), STORED], (), (), 3,
        {"ok": False}, {3: "broken", 4: "broken"},
    ),
    "a first that follows another": Case(
        put(0, lambda row: row.sealed(1, b"\x5a" * 32, 1)), [held("previous"), held("previous"), *FIVE[2:]],
        (), (), 3, {"ok": False}, {1: "broken", 2: "broken"},
    ),
    "cut short": Case(
        put(2, lambda row: row.letters[2][:-40]), [STORED, STORED, None, STORED, STORED], ((3, 3),), (), 4,
        {**WITHOUT_3, "bad": ["3.cose"]},
    ),
    "an octet more": Case(
        put(2, lambda row: row.letters[2] + b"\0"), [STORED, STORED, None, STORED, STORED], ((3, 3),), (), 4,
        {**WITHOUT_3, "bad": ["3.cose"]},
    ),
    "of another hub": Case(
        put(2, foreign_hub), [STORED, STORED, held("hub"), STORED, STORED], ((3, 3),), (), 4, WITHOUT_3,
    ),
    "in another hub's name, with this one's key": Case(
        put(2, lambda row: seal(payload([cuff_session([pressure(2)])], 3, row.hashes()[2], 3, hub=OTHER), KEY)),
        [STORED, STORED, held("hub"), STORED, STORED], ((3, 3),), (), 4, {"ok": False},
    ),
    "in this hub's name, with another key": Case(
        put(2, lambda row: seal(payload([cuff_session([pressure(2)])], 3, row.hashes()[2], 3), private_key("thief"))),
        [STORED, STORED, held("keys"), STORED, STORED], ((3, 3),), (), 4, {"ok": False, "bad": [3]},
    ),
    "an octet of a reading changed before it was signed": Case(
        put(2, lambda row: seal(payload([cuff_session([Pressure(told_systolic=99, minute=2, after_s=120)])], 3,
                                        row.hashes()[2], 3))),
        [STORED, STORED, held("readings"), held("previous"), STORED], (), (), 3, {"ok": False},
    ),
}  # fmt: skip


@pytest.mark.promise("P4", "P5", "P6", "P10")
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_platform_names_what_was_done(case):
    platform = Platform()
    arriving = case.arrive(Row())
    assert [platform.answer(octets) for octets in arriving] == case.answers
    state = platform.chain()
    assert (state.missing, state.forked) == (case.missing, case.forked)
    assert len(platform.readings()) == case.readings
    # Nobody gets another's receipt, and what was believed once is believed in the same words again.
    again = [platform.answer(octets) for octets in arriving]
    assert [one for one in again if one == STORED] == [one for one in case.answers if one == STORED]


@pytest.mark.promise("P5", "P10")
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_verify_names_what_was_done(case, tmp_path, capsys):
    platform = Platform()
    for number, octets in enumerate(case.arrive(Row()), 1):
        (tmp_path / f"{number}.cose").write_bytes(octets)
        answer = platform.take(octets)
        if answer is not None:
            (tmp_path / f"{number}.receipt.cose").write_bytes(answer)
    write_keys(tmp_path, platform)
    code = cli.run(["verify", str(tmp_path), "--keys", str(tmp_path), "--json"])
    *lines, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert summary | case.verify == summary and code == (0 if summary["ok"] else 1)
    told = {(line["sequence"], line["chained"]) for line in lines}
    assert set(case.chained.items()) <= told


def write_keys(folder, platform):
    keys = platform.keyring.hub(HUB)
    (folder / "hub.jwk").write_text(json.dumps(public_jwk(keys.signing)))
    (folder / "platform.jwk").write_text(json.dumps(public_jwk(platform.keyring.platform_point)))
    secret = urlsafe_b64encode(receipt_key(platform.keyring, keys)).rstrip(b"=").decode()
    (folder / "receipt.jwk").write_text(json.dumps({"kty": "oct", "k": secret}))


@pytest.mark.promise("P5")
def test_a_row_whose_end_was_cut_off_is_named_by_the_hubs_next_report():
    platform, row = Platform(), Row()
    for octets in row.letters[:3]:
        assert platform.answer(octets) == STORED
    report = {1: 1, 2: bytes.fromhex(HUB), 3: CHAIN, 4: COUNT, 5: COUNT, 6: [MORNING_S, 1], 7: 2}
    HealthDesk(platform.store, platform.keyring).handle(
        HUB, sign(cbor2.dumps(report, canonical=True), KEY, 65001), MORNING_S * 1000
    )
    (state,) = completeness.chains(platform.store)
    assert (state.awaited, state.complete) == (((4, 5),), False)


@pytest.mark.promise("P3", "P7")
def test_two_other_libraries_read_the_same_facts():
    """COSE by `cwt`, CBOR by `cbor2`, the format by hand, against what the platform stored."""
    platform, row = Platform(), Row()
    point = public(KEY)
    key = COSEKey.new({1: 2, 2: kid_of(point), 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
    for octets in row.letters:
        assert platform.answer(octets) == STORED
    for octets, stored in zip(row.letters, platform.readings(), strict=True):
        fields = cbor2.loads(COSE.new().decode(octets, key))
        _, hub, chain, sequence, previous, sealed, [session], [first, count] = fields
        [source, step_s, kind, values, status, device_step_s] = session[8]
        assert stored["reading"] == f"{hub.hex()}:{chain.hex()}:{sequence}:0" and stored["captures"] == [first]
        assert (count, kind, stored["kind"]) == (1, 1, "blood_pressure")
        assert previous == row.hashes()[sequence - 1][:16]
        assert [one["value"] for one in stored["quantities"]] == [str(value) for value in values]
        assert stored["source"] == [{"characteristic": "2A35", "hex": source.hex()}]
        assert stored["device"] == session[1].hex(":")
        hub_s = sealed[0] + step_s
        assert stored["hub_time"].endswith("Z") and stored["hub_time"] == instant(hub_s) + "Z"
        assert stored["device_time"] == instant(hub_s + 900 * session[5] + device_step_s)
        assert status == 0 and stored["status"] == []


def instant(seconds):
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def test_the_table_writes_what_the_format_says():
    assert arranged(payload([], 7, b"p" * 32))[:5] == [2, bytes.fromhex(HUB), CHAIN, 7, b"p" * 16]
