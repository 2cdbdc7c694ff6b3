"""`telehub fhir`: verified readings and their context become $submit-measurement bodies, one a line.

What FUT must not get is named in --held. The summary is the last line of stderr, since stdout is the bodies'.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from tools.backend.fut.context import BadContext, Context, read
from tools.backend.fut.mapping import map_reading
from tools.backend.fut.readings import BadReading
from tools.backend.fut.readings import read as read_readings
from tools.backend.fut.reasons import Held
from tools.host.output import Output, WrongUse


def command(
    readings: Annotated[Path, typer.Option(help="readings.jsonl, as the backend exports it; - is stdin")],
    context: Annotated[Path, typer.Option(help="whose devices, which plans: a JSON file")],
    held: Annotated[Path | None, typer.Option(help="a line for each reading that is held, and why")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="it always is: one object a line")] = False,
) -> int:
    """Map verified readings to what FUT's $submit-measurement takes; exit 1 when any was held."""
    try:
        known = read(_text(context))
    except BadContext as bad:
        raise WrongUse(f"{context}: {bad}", "the context is not as it must be at that JSON path") from None
    lines = _text(readings).splitlines()
    try:
        mapped, kept = convert(read_readings(lines), known)
    except BadReading as bad:
        raise WrongUse(f"{readings}: {bad}", "lines of readings.jsonl, as the backend exports them") from None
    if held is not None:
        _write(held, "".join(json.dumps({"reading": name, "reason": reason}) + "\n" for name, reason in kept))
    for body in mapped.bodies:
        print(body)
    sys.stdout.flush()
    reasons = dict(sorted(Counter(reason for _, reason in kept).items()))
    summary = Output(True, out=sys.stderr)
    return summary.summary(
        "fhir", not kept, readings=len(mapped.bodies) + len(kept), mapped=len(mapped.bodies), held=len(kept),
        reasons=reasons, left=dict(sorted(mapped.left.items())), ig=known.ig,
    )  # fmt: skip


class Mapping:
    """What came of it: bodies in the order of the readings, and a count of the values that stay behind."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.left: Counter[str] = Counter()


def convert(readings: Iterable[dict[str, Any]], context: Context) -> tuple[Mapping, list[tuple[str, str]]]:
    """Map everything: (what goes, (reading, reason) of what is held)."""
    mapped, held, seen = Mapping(), [], set()
    for reading in readings:
        name = reading["reading"]
        try:
            if name in seen:
                raise Held("repeated")
            seen.add(name)
            one = map_reading(reading, context)
        except Held as reason:
            held.append((name, reason.reason))
            continue
        mapped.bodies.append(one.body)
        mapped.left.update(f"{code} {reason}" for code, reason in one.left)
    return mapped, held


def _text(path: Path) -> str:
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUse(f"{path} cannot be read: {error}", "a file of UTF-8 text") from None


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WrongUse(f"{path} cannot be written: {error.strerror}", "--held FILE, one of yours") from None
