"""`telehub flash`: MicroPython and our partitions on every board of the table that is fit to be a hub."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from esptool.util import FatalError

from tools.host.output import Output
from tools.technician import flashing, micropython, ports
from tools.technician import programme as programmes
from tools.technician.ports import Outcome


def command(
    folder: Annotated[Path, typer.Argument(help="the programme's folder (telehub ca init)")],
    port: Annotated[list[str] | None, typer.Option("--port", help="a board's port; without: all found")] = None,
    image: Annotated[str, typer.Option("--image", help="MicroPython's image, a file or https; once")] = "",
    sha256: Annotated[str, typer.Option("--sha256", help="its SHA-256, from where it is published")] = "",
    look: Annotated[bool, typer.Option("--list", help="say what the boards are; write nothing")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one object a line")] = False,
) -> int:
    """Look at each board, refuse unfit ones with the reason, write MicroPython, and compare."""
    output = Output(as_json)
    programmes.about_of(folder)
    made = None if look else micropython.pinned(folder, image, sha256)

    def work(at: str, told: Callable[[str, float], None]) -> Outcome:
        return one(at, made, told)

    outcomes = ports.each(output, ports.chosen(port or []), work)
    done = sum(outcome.ok for outcome in outcomes)
    text = f"{done} of {len(outcomes)} {'fit' if look else 'done'}"
    if done and not look:
        text += f". Next: telehub provision {folder}"
    extra: dict[str, Any] = {} if made is None else {"micropython_sha256": made.sha256}
    return output.summary("flash", done == len(outcomes), text, done=done, boards=len(outcomes), **extra)


def one(port: str, image: micropython.Image | None, told: Callable[[str, float], None]) -> Outcome:
    """One board; without an image it is looked at only."""
    fields: dict[str, Any] = {}
    try:
        esp = flashing.reached(port, told)
        try:
            board = flashing.facts(esp)
            fields = vars(board)
            flashing.fit(board)
            if image is not None:
                flashing.write(esp, board, image, told)
        finally:
            flashing.close(esp)
    except (flashing.Unfit, flashing.FlashFailed) as stopped:
        return Outcome(False, {**fields, **_stopped(*stopped.args)}, f"stopped: {': '.join(stopped.args)}")
    except (FatalError, OSError) as error:
        again = _stopped(f"the board does not answer: {error}", "put the cable in, and start again")
        return Outcome(False, {**fields, **again}, f"stopped: {again['error']}: {again['hint']}")
    what = f"{board.chip}, {board.flash_mb} MB flash, {board.psram_mb} MB PSRAM, hub {board.hub}"
    return Outcome(True, fields, f"{'fit' if image is None else 'done'}: {what}")


def _stopped(error: str, hint: str) -> dict[str, str]:
    return {"error": error, "hint": hint}
