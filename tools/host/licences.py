"""`make check`: every package in the lock may be used and passed on under the licence that it says it has.

Each package's own metadata is asked (importlib.metadata), so that no network is needed. What a package says of itself
in another way is told here, with where that is seen.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"

# Words of SPDX and of trove classifiers; each of these lets us use and pass on.
_ALLOWED = (
    "MIT", "BSD", "Apache", "ISC", "PSF", "Python Software Foundation", "Unlicense", "0BSD", "zlib", "HPND",
    "Mozilla Public License 2.0", "MPL-2.0", "CC0",
)  # fmt: skip
# May be used beside us as they come, and replaced by whoever wants to: nothing of theirs is in our code.
_BESIDE = ("LGPL", "GNU Lesser General Public License", "GNU Library or Lesser", "Eclipse", "EPL")
# GPL: our own code may stay MIT beside it, and nothing of it is in what goes on a hub; whoever passes on both in one
# package does so under the GPL.
_BY_NAME = {"esptool": "GPL-2.0-or-later"}
_TOLD: dict[str, str] = {
    # From the LICENSE file that each brings, since its metadata names none.
    "atheris": "Apache-2.0",
    "axe-playwright-python": "MIT",
}


def locked(text: str) -> list[str]:
    """The names of the packages in a lock."""
    return re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)


def licence(name: str) -> str | None:
    """What a package says of itself; None when it is not installed on this system."""
    if name in _TOLD:
        return _TOLD[name]
    try:
        told = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None
    classified = [one.rpartition(":: ")[2] for one in told.get_all("Classifier") or [] if one.startswith("License ::")]
    classified = [one for one in classified if one != "OSI Approved"]
    first_line = "".join(told.get_all("License") or []).strip().partition("\n")[0]
    return "".join(told.get_all("License-Expression") or []) or " OR ".join(classified) or first_line or "none"


def refused(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(package, licence) of each that may not be used. Where a choice is given, one that is allowed is enough."""
    for name in names:
        told = licence(name)
        if told == _BY_NAME.get(name, ""):
            continue
        if told is not None and not any(word.lower() in told.lower() for word in (*_ALLOWED, *_BESIDE)):
            yield name, told


def main() -> int:
    """Ask all that is locked."""
    names = locked(LOCK.read_text())
    bad = list(refused(names))
    for name, told in bad:
        print(f"{name}: licence {told!r} is on no list in tools/host/licences.py", file=sys.stderr)
    if not bad:
        known = sum(licence(name) is not None for name in names)
        print(f"Licences: {known} packages, all allowed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
