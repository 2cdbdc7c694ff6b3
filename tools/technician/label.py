"""`telehub label`: a sheet of labels for the hubs of a programme, as a PDF, or one picture per hub.

What a label says can be read by people and by a telephone: serial number, the code that opens the hub's set-up, and the
UDI when the programme has a GTIN. The square is `TELEHUB:<serial>:<code>`; the UDI's is a GS1 element string, with
its parts in brackets below (GS1 General Specifications 7.8: AI 01 is the GTIN, 21 the serial number).
"""

import getpass
import io
from pathlib import Path
from typing import Annotated

import segno
import typer
from fpdf import FPDF

from tools.host.output import Output, WrongUse
from tools.technician import programme as programmes
from tools.technician.ledger import PROVISIONED, Ledger, Row
from tools.technician.provision import now_text

# Three columns and eight rows of 70 x 37 mm on A4: a sheet of labels that every office shop has.
_COLUMNS, _ROWS = 3, 8
_WIDTH_MM, _HEIGHT_MM = 70.0, 37.0
_MARGIN_MM = 4.0
_SQUARE_MM = 26.0  # 25 modules of a millimetre: a telephone reads that from an arm's length
_ERROR_LEVEL = "m"  # a label on the wall gets scratched: 15 % may be gone
_PICTURE_SCALE = 8
_PAPER_TOP_MM = (297.0 - _ROWS * _HEIGHT_MM) / 2


def square(row: Row) -> segno.QRCode:
    """What a telephone reads off a hub."""
    return segno.make_qr(f"TELEHUB:{row.serial}:{row.setup_code}", error=_ERROR_LEVEL)


def udi(gtin: str, serial: str) -> tuple[str, str]:
    """(element string for a scanner, the same for people): the serial number is last, so nothing has to end it."""
    return f"01{gtin}21{serial}", f"(01){gtin}(21){serial}"


def sheet(rows: list[Row], name: str, gtin: str | None, first: int = 1) -> bytes:
    """The PDF, from the first-th label of the first sheet on."""
    paper = FPDF(format="A4", unit="mm")
    paper.set_auto_page_break(False)
    paper.set_title(f"{name}: labels")
    for number, row in enumerate(rows, first - 1):
        place = number % (_COLUMNS * _ROWS)
        if place == 0 or not paper.pages:
            paper.add_page()
        left = _WIDTH_MM * (place % _COLUMNS) + _MARGIN_MM
        top = _PAPER_TOP_MM + _HEIGHT_MM * (place // _COLUMNS) + _MARGIN_MM
        _draw(paper, left, top, row, name, gtin)
    return bytes(paper.output())


def _draw(paper: FPDF, left: float, top: float, row: Row, name: str, gtin: str | None) -> None:
    paper.image(_png(square(row), border=4), left - 2, top - 1, _SQUARE_MM, _SQUARE_MM)
    beside = left + _SQUARE_MM
    lines = [(11, "B", row.serial), (8, "", name[:24]), (8, "", f"hub {row.hub}"), (10, "B", _grouped(row.setup_code))]
    for index, (size, weight, text) in enumerate(lines):
        paper.set_font("Helvetica", weight, size)
        paper.set_xy(beside, top + 1 + index * 5)
        paper.cell(text=text.encode("latin-1", "replace").decode("latin-1"))
    if gtin:
        code, text = udi(gtin, row.serial)
        paper.image(_png(segno.make_qr(code, error=_ERROR_LEVEL), border=2), beside + 22, top + 19, 10, 10)
        paper.set_font("Helvetica", "", 5)
        paper.set_xy(left - 1, top + _SQUARE_MM)
        paper.cell(text=f"UDI {text}")


def _grouped(code: str) -> str:
    return f"{code[:4]} {code[4:]}"


def _png(code: segno.QRCode, border: int) -> io.BytesIO:
    picture = io.BytesIO()
    code.save(picture, kind="png", scale=_PICTURE_SCALE, border=border)
    picture.seek(0)
    return picture


def command(
    folder: Annotated[Path, typer.Argument(help="the programme's folder")],
    hub: Annotated[list[str] | None, typer.Option("--hub", help="these hubs (name or serial number) alone")] = None,
    again: Annotated[bool, typer.Option("--again", help="those too that have a label already")] = False,
    first: Annotated[int, typer.Option("--first", min=1, max=24, help="the first free label of the sheet")] = 1,
    png: Annotated[bool, typer.Option("--png", help="one picture per hub, in place of the sheet")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="the PDF, or the pictures' folder")] = None,
    who: Annotated[str, typer.Option("--who", help="who stands at the table, for the ledger")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="one object a line")] = False,
) -> int:
    """Make labels for the provisioned hubs that have none yet."""
    output = Output(as_json)
    about = programmes.about_of(folder)
    ledger = Ledger(folder / "ledger.sqlite", who or getpass.getuser(), now_text(), about.serial_prefix)
    try:
        rows = [row for row in ledger.hubs() if row.state == PROVISIONED]
        if hub:
            unknown = set(hub) - {name for row in rows for name in (row.hub, row.serial)}
            if unknown:
                raise WrongUse(f"no provisioned hub is called {', '.join(sorted(unknown))}", str(folder / "ledger.csv"))
            rows = [row for row in rows if row.hub in hub or row.serial in hub]
        elif not again:
            rows = [row for row in rows if not row.labelled]
        made = _write(rows, about, png, out or folder / ("labels" if png else "labels.pdf"), first) if rows else None
        for row in rows:
            ledger.labelled(row.hub)
            output.line({"hub": row.hub, "serial": row.serial}, f"{row.serial}  hub {row.hub}")
    finally:
        ledger.close()
    text = f"{len(rows)} labels: {made}" if made else "every provisioned hub has its label (--again makes them anew)"
    return output.summary("label", True, text, labels=len(rows), file=str(made) if made else None)


def _write(rows: list[Row], about: programmes.About, png: bool, out: Path, first: int) -> Path:
    if not png:
        programmes.write_private(out, sheet(rows, about.name, about.gtin, first))
        return out
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    for row in rows:
        programmes.write_private(out / f"{row.serial}.png", _png(square(row), border=4).read())
    return out
