"""Labels: what a telephone and a scanner read off them, once per hub, and nothing for others' eyes."""

import json
import stat
import zlib

import pytest

from tests.technician import made
from tools import cli
from tools.technician import label
from tools.technician.ledger import Ledger

GTIN = "04012345123456"  # GS1's own example


@pytest.fixture
def labelled(tmp_path):
    """A programme with three provisioned hubs and one that is not."""
    folder = made.programme(tmp_path / "p", gtin=GTIN).folder
    book = Ledger(folder / "ledger.sqlite", made.WHO, made.NOW)
    for number in range(4):
        hub = f"24d7eb0a100{number}"
        book.asked(hub, f"tls{number}", f"signing{number}", f"agreement{number}")
        if number < 3:
            book.signed(hub, b"certificate", f"{number}" * 64)
            book.provisioned(hub, "application", "library", "1.26")
    yield folder, book
    book.close()


def texts(pdf):
    """Everything that a PDF writes: its content streams, unpacked."""
    found = b""
    for piece in pdf.split(b"stream\n")[1:]:
        try:
            found += zlib.decompress(piece)
        except zlib.error:
            pass
    return found


def test_each_hub_gets_one_label_and_a_second_run_makes_none(labelled, capsys):
    folder, book = labelled
    assert cli.run(["label", str(folder), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("serial") for line in lines[:-1]] == ["TH000001", "TH000002", "TH000003"]
    pdf = folder / "labels.pdf"
    assert pdf.read_bytes().startswith(b"%PDF-") and stat.S_IMODE(pdf.stat().st_mode) == 0o600
    said = texts(pdf.read_bytes())
    for row in book.hubs()[:3]:
        assert row.serial.encode() in said and row.hub.encode() in said
        assert f"{row.setup_code[:4]} {row.setup_code[4:]}".encode() in said
    assert b"TH000004" not in said
    assert f"\\(01\\){GTIN}\\(21\\)TH000001".encode() in said
    assert cli.run(["label", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["labels"] == 0
    assert cli.run(["label", str(folder), "--hub", "TH000002", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["labels"] == 1
    assert cli.run(["label", str(folder), "--hub", "TH000004"]) == 2


def test_the_square_says_serial_and_code_by_another_reader(labelled, tmp_path):
    folder, book = labelled
    row = book.hubs()[0]
    # The matrix, read by the standard's own steps (ISO/IEC 18004, 7.3 and 7.8.2), not by the library that made it.
    code = label.square(row)
    assert read_matrix([bytearray(line) for line in code.matrix]) == f"TELEHUB:{row.serial}:{row.setup_code}"
    assert cli.run(["label", str(folder), "--png", "--again", "--out", str(tmp_path / "pictures")]) == 0
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == [
        "TH000001.png", "TH000002.png", "TH000003.png",
    ]  # fmt: skip


def test_more_hubs_than_a_sheet_holds_go_on_a_second(labelled):
    _, book = labelled
    rows = book.hubs()[:1] * 30
    pdf = label.sheet(rows, "Test", None)
    assert pdf.count(b"/Type /Page\n") == 2
    assert label.sheet(rows[:2], "Test", None, first=24).count(b"/Type /Page\n") == 2


MASKS = (
    lambda r, c: (r + c) % 2, lambda r, c: r % 2, lambda r, c: c % 3, lambda r, c: (r + c) % 3,
    lambda r, c: (r // 2 + c // 3) % 2, lambda r, c: r * c % 2 + r * c % 3, lambda r, c: (r * c % 2 + r * c % 3) % 2,
    lambda r, c: ((r + c) % 2 + r * c % 3) % 2,
)  # fmt: skip


def read_matrix(matrix):
    """The text in a QR code of version 2 (25 modules) at level M: one block, alphanumeric or octets."""
    assert len(matrix) == 25
    bits = "".join(str(matrix[8][at]) for at in range(5))
    mask = MASKS[(int(bits, 2) ^ 0b10101) & 0b111]

    def fixed(r, c):
        finder = (r < 9 and c < 9) or (r < 9 and c >= 17) or (r >= 17 and c < 9)
        return finder or r == 6 or c == 6 or (16 <= r <= 20 and 16 <= c <= 20)

    stream, up, c = "", True, 24
    while c > 0:
        if c == 6:
            c -= 1
        for r in range(24, -1, -1) if up else range(25):
            for column in (c, c - 1):
                if not fixed(r, column):
                    stream += str(matrix[r][column] ^ (not mask(r, column)))
        up, c = not up, c - 2
    mode, stream = int(stream[:4], 2), stream[4:]
    if mode == 2:
        letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
        count, stream, text = int(stream[:9], 2), stream[9:], ""
        while len(text) < count:
            if count - len(text) > 1:
                value, stream = int(stream[:11], 2), stream[11:]
                text += letters[value // 45] + letters[value % 45]
            else:
                text += letters[int(stream[:6], 2)]
        return text
    assert mode == 4
    count, stream = int(stream[:8], 2), stream[8:]
    return "".join(chr(int(stream[8 * at : 8 * at + 8], 2)) for at in range(count))
