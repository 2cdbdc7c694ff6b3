"""`make audit`: is an advisory known against any package in the lock?

pip-audit is asked, from a folder of its own (.deps/audit), since it is no part of ours. Exit 0: every package was
looked up and none has an advisory. 1: some have. 3: the source did not answer, or not for every package. No answer is
never "clean".
"""

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

from tools.host.licences import LOCK, locked
from tools.host.output import MISSING_PART

ROOT = Path(__file__).resolve().parents[2]
_FOLDER = ROOT / ".deps" / "audit"
_PIP_AUDIT = "pip-audit==2.10.1"
_S_MAX = 600


def judged(told: str, names: list[str]) -> tuple[int, str]:
    """(exit code, a sentence) of pip-audit's JSON for these packages."""
    try:
        packages: list[dict[str, Any]] = json.loads(told)["dependencies"]
        looked_up = {_same(one["name"]): one["vulns"] for one in packages if "vulns" in one}
    except (ValueError, KeyError, TypeError):
        return MISSING_PART, "the source of advisories does not answer: nothing is known"
    unasked = sorted({_same(name) for name in names} - set(looked_up))
    if unasked:
        return MISSING_PART, f"no answer for {len(unasked)} packages, such as {unasked[0]}: nothing is known of them"
    bad = [f"{name}: {', '.join(one['id'] for one in vulns)}" for name, vulns in looked_up.items() if vulns]
    if bad:
        return 1, "; ".join(bad)
    return 0, f"{len(looked_up)} packages, no advisory known"


def _same(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _asked() -> str:
    """What pip-audit says; "" when it cannot be had or does not answer."""
    command = _FOLDER / "bin" / "pip-audit"
    try:
        if not command.exists():
            venv.create(_FOLDER, with_pip=True, clear=True)
            _run([_FOLDER / "bin" / "python", "-m", "pip", "install", "--quiet", _PIP_AUDIT])
        return _run([command, "--requirement", LOCK, "--disable-pip", "--no-deps", "--format", "json"])
    except (OSError, subprocess.SubprocessError) as error:
        print(f"telehub: {error}", file=sys.stderr)
        return ""


def _run(command: list[object]) -> str:
    ran = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, timeout=_S_MAX, cwd=ROOT
    )
    if ran.returncode:
        print(ran.stderr.strip()[-1000:], file=sys.stderr)
    return ran.stdout


def main() -> int:
    """Ask, and say what came of it."""
    code, sentence = judged(_asked(), locked(LOCK.read_text()))
    print(f"telehub: {sentence}", file=sys.stderr if code else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main())
