"""Packages of another release, fetched by the machine's own apt without root and without installing anything.

apt gets a private configuration: one source line, its own lists and cache, no installed packages. Signatures are
checked with the archive's key ring as always; only the unpacking differs (into a folder of ours).
"""

import os
import re
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

from tools.host.interpreter import Fetch

_APT_TIMEOUT_S = 300  # 20 MB of lists on a slow line
_HTTP_TIMEOUT_S = 20  # a mirror that is silent for longer has gone


class AptError(Exception):
    """One release could not give what was asked; args[0] is a short reason."""


class Apt:
    """apt with a private configuration for one release and architecture."""

    def __init__(self, fetch: Fetch, release: str, folder: Path) -> None:
        self.architecture = fetch.architecture
        self.release = release
        self.folder = folder
        for name in ("lists/partial", "cache/archives/partial", "packages"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        source = f"[arch={fetch.architecture} signed-by={fetch.keyring}] {fetch.site} {release} main\n"
        # Ubuntu keeps MicroPython beside its main part.
        source = source.replace(" main\n", " main universe\n") if "ubuntu" in fetch.keyring else source
        (folder / "sources.list").write_text(f"deb {source}deb-src {source}")
        settings = {
            "Dir::Etc::sourcelist": folder / "sources.list",
            "Dir::Etc::sourceparts": "-",
            "Dir::Etc::preferencesparts": "-",
            "Dir::State::lists": folder / "lists",
            "Dir::State::status": "/dev/null",
            "Dir::Cache": folder / "cache",
            "APT::Architecture": fetch.architecture,
            "APT::Architectures::": fetch.architecture,
            "APT::Sandbox::User": "",  # as root, apt would give up its rights to the folder that we own
            "APT::Update::Post-Invoke::": "",
            "APT::Update::Post-Invoke-Success::": "",
            "Acquire::AllowInsecureRepositories": "false",
            "Acquire::AllowWeakRepositories": "false",
            "Acquire::Languages": "none",
            "Acquire::Retries": "1",
            "Acquire::http::Timeout": _HTTP_TIMEOUT_S,
            "Acquire::https::Timeout": _HTTP_TIMEOUT_S,
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
            "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled": "false",
            "Acquire::IndexTargets::deb::CNF::DefaultEnabled": "false",
            "Debug::NoLocking": "true",
        }
        self.options = [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]

    def run(self, tool: str, *arguments: str, cwd: Path | None = None) -> str:
        """Run an apt tool; returns its stdout."""
        try:
            ran = subprocess.run(
                [tool, *self.options, *arguments], cwd=cwd or self.folder, capture_output=True, text=True,
                check=False, timeout=_APT_TIMEOUT_S, stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise AptError(f"no answer within {_APT_TIMEOUT_S} s") from None
        if ran.returncode:
            raise AptError(_reason(ran.stderr))
        return ran.stdout

    def update(self, sources: bool = False) -> None:
        """Fetch and check the release's lists: of packages, or of sources."""
        other = "deb" if sources else "deb-src"
        kind = "Packages" if sources else "Sources"
        self.run("apt-get", "-q", "-o", f"Acquire::IndexTargets::{other}::{kind}::DefaultEnabled=false", "update")

    def closure(self, package: str) -> list[str]:
        """The package and all that it depends on, from the packages' own records."""
        wanted, seen = [package], []
        while wanted:
            name = wanted.pop(0)
            if name in seen:
                continue
            seen.append(name)
            record = self.run("apt-cache", "show", "--no-all-versions", f"{name}:{self.architecture}")
            wanted += depends(record)
        return seen

    def unpack(self, package: str, into: Path) -> None:
        """Fetch a package with all it depends on and unpack them into a folder."""
        names = [f"{name}:{self.architecture}" for name in self.closure(package)]
        packages = self.folder / "packages"
        self.run("apt-get", "-q", "download", *names, cwd=packages)
        for file in sorted(packages.glob("*.deb")):
            subprocess.run(["dpkg-deb", "-x", str(file), str(into)], check=True)
            file.unlink()

    def source_version(self, package: str) -> tuple[int, int]:
        """The first two numbers of a source package's version."""
        record = self.run("apt-cache", "showsrc", "--only-source", package)
        found = re.search(r"^Version: (?:\d+:)?(\d+)\.(\d+)", record, re.MULTILINE)
        return (int(found[1]), int(found[2])) if found else (0, 0)

    def source(self, package: str, into: Path, wanted: Callable[[str], bool]) -> None:
        """Fetch a source package and unpack those of its original files whose path (below its top folder) is wanted."""
        packages = self.folder / "packages"
        self.run("apt-get", "-q", "source", "--download-only", "--only-source", package, cwd=packages)
        for file in sorted(packages.glob("*.orig.tar.*")):
            with tarfile.open(file) as archive:
                for member in archive:
                    below = member.name.partition("/")[2]
                    data = archive.extractfile(member) if wanted(below) and ".." not in below else None
                    if data:
                        (into / below).parent.mkdir(parents=True, exist_ok=True)
                        (into / below).write_bytes(data.read())
        for file in packages.iterdir():
            file.unlink()


def depends(record: str) -> list[str]:
    """Names in a package record's Depends and Pre-Depends; of alternatives the first."""
    names = []
    for match in re.finditer(r"^(?:Pre-)?Depends: (.*)$", record, re.MULTILINE):
        for choice in match.group(1).split(","):
            names.append(re.split(r"[ (:|]", choice.strip(), maxsplit=1)[0])
    return names


def _reason(stderr: str) -> str:
    """The first of apt's complaints, without the addresses in it."""
    lines = [line for line in stderr.splitlines() if line.startswith(("E:", "W:"))]
    lines = [line for line in lines if "Failed to fetch" in line] or lines or ["E: apt failed"]
    plain = re.sub(r"\S+://\S+", "", lines[0][2:])
    plain = re.sub(r"\s*\[IP: [^]]*\]", "", plain)
    return re.sub(r"\s+", " ", plain).replace("Failed to fetch ", "").strip()
