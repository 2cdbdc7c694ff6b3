"""`telehub verify` on envelopes of the hub's own code, and on all that can be wrong with a row of them."""

import json
import shutil
from base64 import urlsafe_b64encode

import pytest

from firmware.seal import cose, p256
from firmware.seal.batch import BUFFER_OCTETS, Batch, Head
from tests.seal import pure_batch
from tools import cli
from tools.inspect import keyfiles
from tools.inspect.envelope import HELD_REASONS, Numbered, make_receipt
from tools.inspect.verify import check

HUB = pure_batch.HUB
CHAIN = pure_batch.CHAIN
RECEIPT_KEY = bytes(range(32))
PLATFORM_KEY = bytes(31) + b"\x07"
PLATFORM_KID = p256.key_id(p256.public_key(PLATFORM_KEY))


def seal(sequence, previous, first, count=1, chain=CHAIN, key=pure_batch.KEY, replaces=0, systolic=120):
    """One envelope, and its hash."""
    buffer = bytearray(BUFFER_OCTETS)
    batch = Batch(buffer)
    batch.begin(Head(HUB, chain, sequence, previous, pure_batch.SEALED_S, 1, pure_batch.FIX, replaces, None))
    for number in range(first, first + count):
        one = pure_batch.pressure((systolic, 82, 97, 71))
        assert batch.add(pure_batch.capture(number, visit=number), pure_batch.session(number), None, [one])
    length = batch.finish()
    header = cose.protected(cose.ENVELOPE, p256.key_id(p256.public_key(key)))
    view = memoryview(buffer)[batch.start : batch.start + length]
    digest = cose.sig_structure_hash(header, view)
    return bytes(cose.sign1_in(buffer, batch.start, length, key, header)), digest


def base64(octets):
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def write_public(path, key):
    point = p256.public_key(key)
    fields = {"kty": "EC", "crv": "P-256", "x": base64(point[1:33]), "y": base64(point[33:])}
    path.write_text(json.dumps(fields | {"kid": p256.key_id(point).hex()}))


class Row:
    """Five envelopes of two readings each, as `demo --out` leaves them."""

    def __init__(self, path):
        self.path = path
        self.octets, self.hashes = {}, {0: bytes(32)}
        write_public(path / "hub.jwk", pure_batch.KEY)
        write_public(path / "platform.jwk", PLATFORM_KEY)
        (path / "receipt.jwk").write_text(json.dumps({"kty": "oct", "k": base64(RECEIPT_KEY)}))
        for sequence in range(1, 6):
            self.put(sequence, *seal(sequence, self.hashes[sequence - 1], 2 * sequence - 1, 2))
            self.answer(sequence)

    def put(self, sequence, octets, digest, name=None):
        self.octets[sequence], self.hashes[sequence] = octets, digest
        (self.path / f"{name or sequence:06}.cose").write_bytes(octets)

    def answer(self, sequence, reason=None, digest=None, key=RECEIPT_KEY, kid=PLATFORM_KID, hub=HUB):
        named = Numbered(hub.hex(), CHAIN.hex(), sequence, digest or self.hashes[sequence])
        (self.path / f"{sequence:06}.receipt.cose").write_bytes(make_receipt(named, reason, kid, key))

    def remove(self, sequence):
        for suffix in ("cose", "receipt.cose"):
            (self.path / f"{sequence:06}.{suffix}").unlink()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return Row(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def row(whole, tmp_path):
    """A copy that a test may spoil."""
    path = tmp_path / "out"
    shutil.copytree(whole.path, path)
    copy = Row.__new__(Row)
    copy.path, copy.octets, copy.hashes = path, dict(whole.octets), dict(whole.hashes)
    return copy


def verify(capsys, *arguments):
    code = cli.run(["verify", *map(str, arguments), "--json"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return code, lines[:-1], lines[-1]


def judged(capsys, row, *options):
    code, lines, summary = verify(capsys, row.path, "--keys", row.path, *options)
    assert code == (0 if summary["ok"] else 1)
    return {line["sequence"]: line for line in lines}, summary


@pytest.mark.promise("P5")
def test_an_unbroken_row_is_ok(capsys, row):
    code, lines, summary = verify(capsys, row.path, "--keys", row.path)
    assert code == 0
    assert lines[0] == {
        "file": str(row.path / "000001.cose"),
        "hub": "30aea4123456", "chain": "c0ffee0011223344", "sequence": 1,
        "signature": "ok", "chained": "ok", "receipt": "stored", "readings": 2, "error": None,
    }  # fmt: skip
    expected = {
        "summary": "verify", "ok": True, "first": 1, "last": 5, "envelopes": 5, "readings": 10, "missing": [],
        "forked": [], "bad": [],
    }  # fmt: skip
    assert summary | expected == summary


@pytest.mark.promise("P5")
def test_each_missing_envelope_is_named(capsys, row):
    for gone in (1, 2, 4):
        shutil.move(row.path / f"{gone:06}.cose", row.path / "kept")
        shutil.move(row.path / f"{gone:06}.receipt.cose", row.path / "kept.receipt")
        lines, summary = judged(capsys, row)
        assert not summary["ok"] and summary["missing"] == [gone] and summary["bad"] == []
        assert lines[gone + 1]["chained"] == "gap" and lines[5]["chained"] == ("ok" if gone < 4 else "gap")
        assert summary["captures_missing"] == ([[2 * gone - 1, 2]] if gone > 1 else [])
        shutil.move(row.path / "kept", row.path / f"{gone:06}.cose")
        shutil.move(row.path / "kept.receipt", row.path / f"{gone:06}.receipt.cose")


def test_a_missing_last_envelope_is_named_by_its_receipt(capsys, row):
    (row.path / "000005.cose").unlink()
    _, summary = judged(capsys, row)
    assert (
        summary["missing"] == [5]
        and summary["receipts_alone"] == ["000005.receipt.cose"]
        and not summary["ok"]
    )
    (row.path / "000005.receipt.cose").unlink()
    _, summary = judged(capsys, row)
    assert (
        summary["ok"] and summary["last"] == 4
    )  # a row that was cut off whole: the health report tells of that


def test_every_flipped_bit_of_one_envelope_is_bad(capsys, row):
    octets = row.octets[3]
    keys = keyfiles.load(row.path)
    file = row.path / "000003.cose"
    for at in range(len(octets) * 8):
        changed = bytearray(octets)
        changed[at >> 3] ^= 1 << (at & 7)
        file.write_bytes(changed)
        assert not check(file, keys).good
    for at in (0, 100, len(octets) - 1):
        changed = bytearray(octets)
        changed[at] ^= 1
        file.write_bytes(changed)
        _, summary = judged(capsys, row)
        assert not summary["ok"] and summary["bad"]


def test_a_bad_signature_is_told_and_fills_no_gap_of_a_true_one(capsys, row):
    changed = bytearray(row.octets[3])
    changed[-1] ^= 1
    (row.path / "000003.cose").write_bytes(changed)
    lines, summary = judged(capsys, row)
    assert lines[3]["signature"] == "bad" and lines[3]["error"].startswith("signature")
    assert lines[3]["readings"] == 0 and summary["readings"] == 8
    assert summary["bad"] == [3] and summary["missing"] == [] and lines[4]["chained"] == "ok"
    forged, _ = seal(9, bytes(32), 100, key=bytes(31) + b"\x09")
    (row.path / "000009.cose").write_bytes(forged)
    lines, summary = judged(capsys, row)
    assert lines[9]["signature"] == "bad" and lines[9]["error"].startswith("key") and summary["last"] == 5


@pytest.mark.promise("P5")
def test_two_envelopes_with_one_number_are_a_fork(capsys, row):
    octets, _ = seal(3, row.hashes[2], 5, 2, systolic=180)
    (row.path / "000003-other.cose").write_bytes(octets)
    code, lines, summary = verify(capsys, row.path, "--keys", row.path, "--allow-unreceipted")
    assert code == 1 and summary["forked"] == [3]
    assert [line["chained"] for line in lines] == ["ok", "ok", "fork", "fork", "ok", "ok"]


def test_the_same_envelope_twice_is_no_fork_and_counts_once(capsys, row):
    shutil.copy(row.path / "000003.cose", row.path / "copy.cose")
    shutil.copy(row.path / "000003.receipt.cose", row.path / "copy.receipt.cose")
    _, summary = judged(capsys, row)
    assert summary["ok"] and summary["readings"] == 10 and summary["envelopes"] == 6


@pytest.mark.promise("P5")
def test_an_envelope_that_follows_another_one_than_is_there_is_broken(capsys, row):
    row.put(4, *seal(4, bytes(32), 7, 2))
    row.answer(4)
    lines, summary = judged(capsys, row)
    assert lines[4]["chained"] == "broken" and lines[5]["chained"] == "broken" and not summary["ok"]
    row.put(1, *seal(1, b"\x01" * 32, 1, 2))
    lines, _ = judged(capsys, row)
    assert lines[1]["chained"] == "broken"


def test_a_held_envelope_is_not_ok_and_says_why(capsys, row):
    row.answer(2, HELD_REASONS.index("bond"))
    lines, summary = judged(capsys, row)
    assert lines[2]["receipt"] == "held" and lines[2]["error"] == "held: bond"
    assert not summary["ok"] and summary["held"] == [2] and summary["bad"] == []
    _, summary = judged(capsys, row, "--allow-unreceipted")
    assert not summary["ok"]


@pytest.mark.promise("P6")
def test_a_receipt_counts_only_when_it_is_the_platforms_for_this_envelope(capsys, row):
    wrong = (
        {"digest": bytes(32)},
        {"key": bytes(32)},
        {"kid": b"somebody"},
        {"hub": bytes(6)},
    )
    for one in wrong:
        row.answer(3, **one)
        lines, summary = judged(capsys, row)
        assert lines[3]["receipt"] == "bad" and summary["bad"] == [3] and not summary["ok"]
    shutil.copy(row.path / "000002.receipt.cose", row.path / "000003.receipt.cose")
    lines, summary = judged(capsys, row)
    assert lines[3]["receipt"] == "bad" and not summary["ok"]
    shutil.copy(row.path / "000003.cose", row.path / "000003.receipt.cose")  # its own envelope is no receipt
    lines, _ = judged(capsys, row)
    assert lines[3]["receipt"] == "bad"


def test_absent_and_unchecked_receipts_are_never_ok_unless_allowed(capsys, row):
    (row.path / "000003.receipt.cose").unlink()
    lines, summary = judged(capsys, row)
    assert lines[3]["receipt"] == "absent" and not summary["ok"] and summary["bad"] == []
    _, summary = judged(capsys, row, "--allow-unreceipted")
    assert summary["ok"]
    (row.path / "receipt.jwk").unlink()
    lines, summary = judged(capsys, row)
    assert lines[1]["receipt"] == "unchecked" and not summary["ok"]
    _, summary = judged(capsys, row, "--allow-unreceipted")
    assert summary["ok"]


def test_a_row_may_begin_later(capsys, row):
    row.remove(1)
    row.remove(2)
    lines, summary = judged(capsys, row)
    assert summary["missing"] == [1, 2] and lines[3]["chained"] == "gap"
    lines, summary = judged(capsys, row, "--from", "3")
    assert summary["ok"] and summary["first"] == 3 and lines[3]["chained"] == "ok"
    _, summary = judged(capsys, row, "--from", "2")
    assert summary["missing"] == [2] and not summary["ok"]


def test_a_number_that_a_later_envelope_replaces_is_not_missing(capsys, row):
    row.remove(3)
    row.put(6, *seal(6, row.hashes[5], 5, 2, replaces=3))
    row.answer(6)
    lines, summary = judged(capsys, row)
    assert summary["ok"] and summary["replaced"] == [3] and lines[4]["chained"] == "ok"
    assert summary["captures_missing"] == []


def test_a_capture_in_two_envelopes_is_bad_but_for_a_replacement(capsys, row):
    row.put(6, *seal(6, row.hashes[5], 5, 2))
    row.answer(6)
    lines, summary = judged(capsys, row)
    assert summary["bad"] == [6] and "5 is in envelope 3" in lines[6]["error"]
    row.put(6, *seal(6, row.hashes[5], 5, 2, replaces=3))
    row.answer(6)
    _, summary = judged(capsys, row)
    assert summary["ok"]


def test_each_chain_is_judged_by_itself(capsys, row):
    other = bytes(8)
    octets, _ = seal(1, bytes(32), 1, chain=other)
    (row.path / "100001.cose").write_bytes(octets)
    _, summary = judged(capsys, row, "--allow-unreceipted")
    assert summary["ok"]
    row.remove(2)
    _, summary = judged(capsys, row, "--allow-unreceipted")
    assert summary["missing"] == ["c0ffee0011223344:2"]


def test_what_is_no_envelope_is_told_and_the_rest_is_judged(capsys, row):
    (row.path / "000003.cose").write_bytes(b"not an envelope")
    (row.path / "empty.cose").write_bytes(b"")
    (row.path / "huge.cose").write_bytes(bytes(100_000))
    code, lines, summary = verify(capsys, row.path, "--keys", row.path)
    by_name = {line["file"].rpartition("/")[2]: line for line in lines}
    for name in ("000003.cose", "empty.cose", "huge.cose"):
        assert by_name[name]["signature"] == "bad" and by_name[name]["error"].startswith("cose")
        assert by_name[name]["sequence"] is None
    assert code == 1 and summary["missing"] == [3] and by_name["000004.cose"]["chained"] == "gap"
    assert set(summary["bad"]) == {"000003.cose", "empty.cose", "huge.cose"}


def test_single_files_can_be_named(capsys, row):
    files = [row.path / f"{sequence:06}.cose" for sequence in (4, 5)]
    code, lines, summary = verify(capsys, *files, "--keys", row.path, "--from", "4")
    assert code == 0 and summary["envelopes"] == 2 and [line["sequence"] for line in lines] == [4, 5]


def test_wrong_use_says_what_to_do(capsys, row, tmp_path):
    for arguments in (
        (row.path, "--keys", tmp_path / "nowhere"),
        (tmp_path / "nothing.cose", "--keys", row.path),
        (tmp_path, "--keys", row.path),
        (row.path,),
        (row.path, "--keys", row.path, "--from", "0"),
    ):
        code, _, error = verify(capsys, *arguments)
        assert code == 2 and error["error"], arguments
    (row.path / "hub.jwk").write_text("{}")
    code, _, error = verify(capsys, row.path, "--keys", row.path)
    assert code == 2 and "hub.jwk" in error["error"]
    (row.path / "hub.jwk").unlink()
    code, _, error = verify(capsys, row.path, "--keys", row.path)
    assert code == 2 and "hub.jwk is missing" in error["error"]


def test_a_key_file_whose_kid_belongs_to_another_key_is_refused(capsys, row):
    fields = json.loads((row.path / "hub.jwk").read_text())
    (row.path / "hub.jwk").write_text(json.dumps(fields | {"kid": "00" * 8}))
    code, _, error = verify(capsys, row.path, "--keys", row.path)
    assert code == 2 and "kid" in error["error"]


def test_people_get_a_table_and_a_sentence(capsys, row):
    assert cli.run(["verify", str(row.path), "--keys", str(row.path)]) == 0
    text = capsys.readouterr().out
    assert "c0ffee0011223344" in text and "5 envelopes, numbers 1 to 5, 10 readings" in text
    row.remove(4)
    assert cli.run(["verify", str(row.path), "--keys", str(row.path)]) == 1
    assert "missing: 4" in capsys.readouterr().out


def test_a_signature_of_the_hub_over_something_else_is_read_no_further(capsys, row):
    header = cose.protected(cose.HEALTH, p256.key_id(p256.public_key(pure_batch.KEY)))
    (row.path / "000006.cose").write_bytes(cose.sign1(pure_batch.KEY, header, b"\xa0"))
    code, lines, summary = verify(capsys, row.path, "--keys", row.path)
    assert code == 1 and lines[-1]["signature"] == "ok" and lines[-1]["error"].startswith("payload")
    assert summary["bad"] == ["000006.cose"]
