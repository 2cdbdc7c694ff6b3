"""`telehub update`: a signed release onto boards over their cables; each hub proves it good, or goes back by itself."""

import binascii
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from tools.host.output import Output, WrongUse
from tools.technician import ports, release
from tools.technician.line import BoardError, CableLost, Line
from tools.technician.ports import Outcome

_PIECE_OCTETS = 2048
_WINDOW_BITS = 10  # what the chip keeps while it unpacks: 1 KiB

# boot.py has left `slot` in the prompt's own names.
_BEGIN = """
import binascii, boot, deflate, io, json, os
from firmware import config, update
from firmware.board import spare
from firmware.contracts import PeerError
from firmware.journal.frame import VERSION

os.chdir("/")
going = None

def begin(manifest):
    global going
    settings = config.Store(config.FOLDER, "settings").load()
    if settings is None or "release" not in settings:
        return "update: no release key"
    label = boot.Slots(slot).spare
    if label is None:
        return "update: no slots"
    key = bytes.fromhex(settings["release"]["key"])
    try:
        found = update.open_manifest(manifest, key, update.BOARD, update.running_sequence(), VERSION)
        going = update.begin(spare, label, found, manifest)
        return going.at
    except PeerError as error:
        return error.args[0]

def take(offset, text):
    try:
        octets = deflate.DeflateIO(io.BytesIO(binascii.a2b_base64(text)), deflate.ZLIB).read()
        return going.take(offset, octets)
    except PeerError as error:
        return error.args[0]

def finish():
    if not going.whole:
        return "update: not whole"
    going.finish()
    spare.unmount()
    boot.Slots(slot).try_spare()
    return going.at
"""


class NotTaken(Exception):
    """The board does not take this release; args[0] says why, as the hub says it."""


def command(
    package: Annotated[Path, typer.Argument(help="a release's file")],
    port: Annotated[list[str] | None, typer.Option("--port", help="a board's port; without: all found")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one object a line")] = False,
) -> int:
    """Write a release into the slot that does not run; the hub tries it at its next start, which follows."""
    output = Output(as_json)
    try:
        found = release.opened(package.read_bytes())
    except OSError as error:
        raise WrongUse(f"{package}: {error.strerror}", "the file that a release came in") from None
    except ValueError as error:
        raise WrongUse(f"{package}: {error}", "the file that a release came in") from None

    def work(at: str, told: Callable[[str, float], None]) -> Outcome:
        try:
            with Line(at) as line:
                begun = put(line, found, told)
        except CableLost as error:
            hint = "put the cable in and start again: it goes on where it was"
            return _stopped("the board does not answer", hint, str(error))
        except BoardError as error:
            return _stopped("a program on the board failed", "telehub doctor", str(error))
        except NotTaken as error:
            return _stopped(str(error), HINTS.get(str(error), "ask for another release"), "")
        went_on = f", gone on from {begun}" if begun else ""
        return Outcome(True, {"octets": len(found.octets), "from": begun}, f"on trial at this start{went_on}")

    outcomes = ports.each(output, ports.chosen(port or []), work)
    done = sum(outcome.ok for outcome in outcomes)
    text = f"{done} of {len(outcomes)} on trial. Each keeps it when the platform has answered, else goes back"
    return output.summary("update", done == len(outcomes), text, done=done, boards=len(outcomes))


HINTS = {
    "update: no release key": "telehub provision, with release.jwk in the programme's folder",
    "update: no slots": "telehub flash divides a board's flash",
    "update: older": "it has this release, or a newer one",
    "update: board": "the release is for other boards",
    "update: journal": "a release in between reads both journals",
    "update: foreign key": "the release is of another programme",
}


def put(line: Line, found: release.Release, told: Callable[[str, float], None]) -> int:
    """Write a release into the board's spare slot, and have it tried; returns where it went on."""
    line.run(_BEGIN)
    at = begun = _at(line, f"begin({found.manifest!r})")
    while at < len(found.octets):
        told("copying", at / len(found.octets))
        piece = found.octets[at : at + _PIECE_OCTETS]
        packed = zlib.compressobj(level=9, wbits=_WINDOW_BITS)
        text = binascii.b2a_base64(packed.compress(piece) + packed.flush(), newline=False)
        at = _at(line, f"take({at}, {text!r})")
    _at(line, "finish()")
    told("done", 1)
    return begun


def _at(line: Line, call: str) -> int:
    answer = line.answer(f"print(json.dumps({call}))")
    if not isinstance(answer, int):
        raise NotTaken(str(answer))
    return answer


def _stopped(reason: str, hint: str, detail: str) -> Outcome:
    return Outcome(False, {"error": reason, "hint": hint, "detail": detail}, f"stopped: {reason}: {hint}")


