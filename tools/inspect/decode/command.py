"""`telehub decode`: one JSON object a line in, one a line out, in order; the run goes on past what is refused."""

import json
import sys
from typing import Annotated, BinaryIO, TextIO

import typer

from tools.host.output import BAD, DONE
from tools.inspect.decode.answer import answer, bad_line


def command(
    as_json: Annotated[bool, typer.Option("--json", help="it always is: one object a line")] = False,
) -> int:
    """Decode values of characteristics, a request a line on stdin; exit 1 when any was refused."""
    return run(sys.stdin.buffer, sys.stdout)


def run(lines: BinaryIO, out: TextIO) -> int:
    """Answer every line."""
    good = True
    for line in lines:
        text, decoded = _answer(line)
        good = good and decoded
        out.write(text + "\n")
        out.flush()
    return DONE if good else BAD


def _answer(line: bytes) -> tuple[str, bool]:
    try:
        request = json.loads(line.decode())
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return bad_line("no JSON" if line.strip() else "blank"), False
    return answer(request)
