"""How every command speaks: one JSON object a line or text for people, and four exit codes."""

import json
import sys
from typing import Any, TextIO

DONE = 0
BAD = 1  # the thing that was checked is bad
WRONG_USE = 2
MISSING_PART = 3


class CommandError(Exception):
    """Ends a command with an error, a hint and an exit code."""

    exit_code = BAD

    def __init__(self, error: str, hint: str = "") -> None:
        super().__init__(error, hint)
        self.error = error
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.error}: {self.hint}" if self.hint else self.error


class WrongUse(CommandError):
    """The command was called in a way that cannot mean anything."""

    exit_code = WRONG_USE


class MissingPart(CommandError):
    """A part that is needed is not here; `get` is the one command (or sentence) that brings it."""

    exit_code = MISSING_PART

    def __init__(self, part: str, get: str) -> None:
        super().__init__(f"{part} is missing", get)
        self.part = part
        self.get = get


class Output:
    """One command's stdout: objects with --json, else text. Logs go to stderr in both."""

    def __init__(self, as_json: bool, out: TextIO | None = None, log: TextIO | None = None) -> None:
        self.as_json = as_json
        self.out = out or sys.stdout
        self.log_to = log or sys.stderr

    def line(self, values: dict[str, Any], text: str | None = None) -> None:
        """Give one result: the object with --json, else its text (nothing when it has none)."""
        if self.as_json:
            print(json.dumps(values, ensure_ascii=False), file=self.out, flush=True)
        elif text is not None:
            print(text, file=self.out, flush=True)

    def log(self, text: str) -> None:
        """Say what is going on."""
        print(text, file=self.log_to, flush=True)

    def summary(self, command: str, ok: bool, text: str | None = None, **values: Any) -> int:
        """Give the last line; returns the exit code that goes with it."""
        self.line({"summary": command, "ok": ok, **values}, text)
        return DONE if ok else BAD


def report(error: CommandError, as_json: bool) -> int:
    """Tell an error the way the caller asked for; returns its exit code."""
    if as_json:
        print(json.dumps({"error": error.error, "hint": error.hint}, ensure_ascii=False), flush=True)
    else:
        print(f"telehub: {error.error}", file=sys.stderr)
        if error.hint:
            print(f"         {error.hint}", file=sys.stderr)
    return error.exit_code
