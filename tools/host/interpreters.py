"""Looks at this host, carries out the plan of `interpreter`, and hands out the MicroPython that was found."""

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from tools.host import interpreter
from tools.host.apt import Apt, AptError
from tools.host.interpreter import Candidate, Fetch, HostFacts, Install, Probe, Site, Use
from tools.host.output import MissingPart

ROOT = Path(__file__).resolve().parents[2]
DEPS = ROOT / ".deps"
RECORD = DEPS / "interpreters.json"

_PROBE = Path(__file__).with_name("interpreter_probe.py")
_PROBE_TIMEOUT_S = 10


def micropython32() -> Candidate:
    """The 32-bit MicroPython of this host; MissingPart when there is none."""
    return _found(32)


def micropython() -> Candidate:
    """The MicroPython that runs the hub here: 32-bit where the host can; MissingPart when there is none."""
    return _found(None)


def _found(bits: int | None) -> Candidate:
    environment = tuple(os.environ.get(name, "") for name in ("MICROPYTHON", "MICROPYTHON32", "PATH"))
    step = _choose(bits, environment)
    if isinstance(step, Install):
        raise MissingPart(step.part, step.get)
    return step.candidate


@cache
def _choose(bits: int | None, environment: tuple[str, ...]) -> Use | Install:
    """The first step of the plan that needs no network (asked again when the environment has changed)."""
    for step in interpreter.plan(facts(), bits):
        if isinstance(step, Use | Install):
            return step
    raise AssertionError("a plan ends with a Use or an Install")


def probe(path: str) -> Probe | None:
    """Ask an interpreter what it has; None when it does not run."""
    try:
        ran = subprocess.run(
            [path, str(_PROBE)], capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=True,
            stdin=subprocess.DEVNULL, env={**os.environ, "MICROPYPATH": ".frozen"},
        )  # fmt: skip
        said = json.loads(ran.stdout)
        return Probe(tuple(said["version"]), said["bits"], tuple(said["mpy"]), frozenset(said["has"]))
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        return None


def facts() -> HostFacts:
    """Look at this host."""
    release = _os_release()
    apt = all(shutil.which(tool) for tool in ("apt-get", "apt-cache", "dpkg-deb"))
    return HostFacts(
        system=platform.system(),
        machine=platform.machine(),
        distribution=release.get("ID", ""),
        codename=release.get("VERSION_CODENAME", ""),
        candidates=tuple(_candidates()),
        apt=apt,
        sites=tuple(_sites()) if apt else (),
        keyrings=tuple(
            path for path in (interpreter.DEBIAN_KEYRING, interpreter.UBUNTU_KEYRING) if Path(path).exists()
        ),
        debian_mirror=os.environ.get("TELEHUB_DEBIAN_MIRROR", ""),
        brew=bool(shutil.which("brew")),
    )


def _os_release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def _candidates() -> list[Candidate]:
    paths = [(f"${name}", os.environ.get(name, "")) for name in ("MICROPYTHON32", "MICROPYTHON")]
    paths += [("fetched", str(path)) for path in sorted((DEPS / "bin").glob("micropython-*"))]
    paths.append(("PATH", shutil.which("micropython") or ""))
    return [Candidate(source, path, probe(shutil.which(path) or path)) for source, path in paths if path]


@cache
def _sites() -> list[Site]:
    """The package sources of apt's own configuration."""
    form = "$(SITE)|$(ORIGIN)|$(CODENAME)|$(ARCHITECTURE)"
    ran = subprocess.run(
        ["apt-get", "indextargets", "--format", form, "Created-By: Packages"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    fields = [line.split("|") for line in ran.stdout.splitlines()]
    sites = [Site(*four) for four in fields if len(four) == 4]
    # Before the first `apt-get update` apt does not know its sites' origin: then the distribution's name must do.
    release = _os_release()
    origin = {"debian": "Debian", "ubuntu": "Ubuntu"}.get(release.get("ID", ""), "")
    return sites or [
        Site(url, origin, suite, architecture) for url, suite, architecture in _sites_before_update(release)
    ]


def _sites_before_update(release: dict[str, str]) -> list[tuple[str, str, str]]:
    """Sites whose lists were never fetched, as the images of containers come."""
    form = "$(SITE)|$(RELEASE)|$(ARCHITECTURE)"
    ran = subprocess.run(
        ["apt-get", "indextargets", "--no-release-info", "--format", form, "Created-By: Packages"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    rows = [line.split("|") for line in ran.stdout.splitlines()]
    return [(row[0], row[1], row[2]) for row in rows if len(row) == 3]


def ensure(say: Callable[[str], None]) -> list[str]:
    """Get both interpreters as far as this host allows; returns what could not be had, each with its way."""
    missing = []
    tried: set[Fetch] = set()
    for bits in (32, None):
        left = _carry_out(bits, tried, say)
        if left:
            missing.append(f"{left.part}: {left.get}")
    _choose.cache_clear()
    DEPS.mkdir(exist_ok=True)
    RECORD.write_text(json.dumps(_record(), indent=1) + "\n")
    return missing


def _carry_out(bits: int | None, tried: set[Fetch], say: Callable[[str], None]) -> Install | None:
    for step in interpreter.plan(facts(), bits):
        if isinstance(step, Use):
            return None
        if isinstance(step, Install):
            return step
        if step in tried:
            continue
        tried.add(step)
        if any(_fetch(step, release, say) for release in step.releases):
            return None
    return None


def _fetch(step: Fetch, release: str, say: Callable[[str], None]) -> bool:
    """Fetch from one release, unpack, and see whether it runs."""
    started = time.monotonic()
    say(f"MicroPython for {step.architecture}: asking apt for release {release} (20 MB of lists, 4 MB of packages) …")
    private = DEPS / "apt" / f"{release}-{step.architecture}"
    unpacked = DEPS / f"micropython-{step.architecture}"
    shutil.rmtree(unpacked, ignore_errors=True)
    try:
        apt = Apt(step, release, private)
        apt.update()
        apt.unpack("micropython", unpacked)
        wrapper = _wrap(unpacked, step.architecture)
    except (AptError, OSError, subprocess.SubprocessError) as error:
        say(f"  release {release} cannot give it today: {error}")
        return False
    finally:
        shutil.rmtree(private, ignore_errors=True)
    found = probe(str(wrapper))
    if found is None:
        wrapper.unlink()
        say(f"  release {release}'s build does not run on this host")
        return False
    version = ".".join(str(part) for part in found.version)
    say(f"  MicroPython {version}, {found.bits}-bit, in {time.monotonic() - started:.0f} s")
    return True


def _wrap(unpacked: Path, architecture: str) -> Path:
    """A script that runs the unpacked interpreter by the unpacked loader with the unpacked libraries."""
    programs = list(unpacked.rglob("bin/micropython"))
    loaders = [path for path in sorted(unpacked.rglob("ld-linux*.so*")) if path.exists()]
    if not programs or not loaders:
        raise AptError("the packages hold no interpreter and loader")
    libraries = sorted({str(path.parent) for path in unpacked.rglob("lib*.so.*")})
    wrapper = DEPS / "bin" / f"micropython-{architecture}"
    wrapper.parent.mkdir(parents=True, exist_ok=True)
    wrapper.write_text(
        f'#!/bin/sh\nexec "{loaders[0]}" --library-path "{":".join(libraries)}" "{programs[0]}" "$@"\n'
    )
    wrapper.chmod(0o755)
    return wrapper


def refresh_wrappers() -> None:
    """Write the wrappers again: the tree may have moved since the packages were unpacked."""
    for unpacked in DEPS.glob("micropython-*"):
        with suppress(AptError):  # MicroPython's own tests lie beside them, and a fetch may have been cut short
            _wrap(unpacked, unpacked.name.partition("-")[2])


def _record() -> dict[str, object]:
    record: dict[str, object] = {"format": 1}
    for name, get in (("micropython32", micropython32), ("micropython", micropython)):
        try:
            found = get()
        except MissingPart as missing:
            record[name] = {"missing": missing.part, "get": missing.get}
            continue
        if found.probe:
            record[name] = {
                "path": found.path, "source": found.source, "bits": found.probe.bits,
                "version": ".".join(str(part) for part in found.probe.version),
                "mpy": list(found.probe.mpy), "has": sorted(found.probe.has),
            }  # fmt: skip
    return record


def upstream_tests() -> Path:
    """MicroPython's own tests (from its source package), fetched once; MissingPart without a road to them."""
    return _upstream("micropython-source", "tests", "MicroPython's own tests", ("tests/", "LICENSE"))


def upstream_source() -> Path:
    """What a port of one's own is built from, 1.26 or newer, fetched once; MissingPart without a road to it."""
    wanted = ("py/", "extmod/", "shared/", "lib/crypto-algorithms/", "lib/uzlib/", "LICENSE")
    return _upstream("micropython-port", "py", "MicroPython's source", wanted, newer_than=(1, 25))


def _upstream(
    name: str, holds: str, part: str, wanted: tuple[str, ...], newer_than: tuple[int, int] = (0, 0)
) -> Path:
    folder = DEPS / name
    if (folder / holds).exists():
        return folder
    reason = "needs apt on a Debian family host, and a network at the first run"
    for step in interpreter.plan(_bare(facts()), 32) + interpreter.plan(_bare(facts()), None):
        if not isinstance(step, Fetch):
            continue
        for release in step.releases:
            private = DEPS / "apt" / f"{release}-source"
            passing = folder.with_suffix(f".{os.getpid()}")
            try:
                apt = Apt(step, release, private)
                apt.update(sources=True)
                if apt.source_version("micropython") <= newer_than:
                    reason = f"release {release} has an older one"
                    continue
                apt.source("micropython", passing, lambda path: path.startswith(wanted))
                passing.rename(folder)
                return folder
            except (AptError, OSError) as error:
                reason = str(error)
            finally:
                shutil.rmtree(private, ignore_errors=True)
                shutil.rmtree(passing, ignore_errors=True)
    raise MissingPart(part, reason)


def _bare(host: HostFacts) -> HostFacts:
    """The same host as if it had no interpreter yet, so that its plan is to fetch."""
    return HostFacts(**{**vars(host), "candidates": ()})


if __name__ == "__main__":
    for what in ensure(print):
        print(f"missing: {what}")
    print(RECORD.read_text())
    sys.exit(0)
