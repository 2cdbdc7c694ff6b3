"""Which MicroPython to run, from facts about the host alone: nothing here looks at the machine.

The hub is 32-bit, so a 32-bit interpreter is used wherever the host can run one; a 64-bit one does the same work with
double the heap, but figures that need 32-bit are not taken with it. Order: `$MICROPYTHON32` / `$MICROPYTHON`, what an
earlier set-up fetched, PATH, then packages of a newer release of the host's own distribution, fetched without
installing them, and at last a sentence that says what to install.

What is needed is probed (`interpreter_probe.py`), not read off a version number: Ubuntu 24.04's 1.22 lacks `vfs` and
`tls`, which came with 1.23.
"""

from dataclasses import dataclass

# What the twin and the firmware use of the unix port.
NEEDED = ("vfs", "tls", "asyncio", "select", "socket", "cryptolib", "sha256", "collections", "io", "exec", "bigint")
# The figures and the tests on a hub-sized heap use these as well.
NEEDED_32 = (*NEEDED, "micropython", "viper")

# Releases to try in turn: the stable one first, then those that have it when its index is broken.
DEBIAN_RELEASES = ("trixie", "sid", "forky")
UBUNTU_RELEASES = ("resolute", "questing")

DEBIAN_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
UBUNTU_KEYRING = "/usr/share/keyrings/ubuntu-archive-keyring.gpg"

# Kernel's name of the machine → package architecture that it runs natively, and the 32-bit one that it runs too.
ARCHITECTURES = {
    "x86_64": ("amd64", "i386"),
    "i686": ("i386", "i386"),
    "i586": ("i386", "i386"),
    "aarch64": ("arm64", None),  # many 64-bit ARM machines cannot run 32-bit code at all
    "armv7l": ("armhf", "armhf"),
}


@dataclass(frozen=True)
class Probe:
    """What a MicroPython said of itself."""

    version: tuple[int, ...]
    bits: int
    mpy: tuple[int, int]
    has: frozenset[str]

    def lacks(self, bits: int | None = None) -> tuple[str, ...]:
        """The needed things that it does not have, for the 32-bit role or for any."""
        if bits == 32 and self.bits != 32:
            return ("32-bit",)
        return tuple(name for name in (NEEDED_32 if bits == 32 else NEEDED) if name not in self.has)


@dataclass(frozen=True)
class Candidate:
    """A path that may be a MicroPython; probe is None when it does not run."""

    source: str  # "$MICROPYTHON32", "$MICROPYTHON", "fetched" or "PATH"
    path: str
    probe: Probe | None


@dataclass(frozen=True)
class Site:
    """One source of packages in the machine's own apt configuration."""

    url: str
    origin: str  # "Debian", "Ubuntu", …
    codename: str
    architecture: str


@dataclass(frozen=True)
class HostFacts:
    """All that the choice depends on."""

    system: str  # "Linux", "Darwin"
    machine: str  # "x86_64", "aarch64", "arm64" …
    distribution: str = ""  # ID of os-release
    codename: str = ""
    candidates: tuple[Candidate, ...] = ()
    apt: bool = False  # apt-get, apt-cache and dpkg-deb are here
    sites: tuple[Site, ...] = ()
    keyrings: tuple[str, ...] = ()
    debian_mirror: str = ""  # $TELEHUB_DEBIAN_MIRROR, for hosts whose own sites have no Debian
    brew: bool = False


@dataclass(frozen=True)
class Use:
    """Run this one."""

    candidate: Candidate


@dataclass(frozen=True)
class Fetch:
    """Let apt fetch packages from one of these releases, check their signatures, and unpack them beside us."""

    site: str
    releases: tuple[str, ...]
    architecture: str
    keyring: str


@dataclass(frozen=True)
class Install:
    """Nothing can be done without a person: `get` is the one command."""

    part: str
    get: str


Step = Use | Fetch | Install


def plan(facts: HostFacts, bits: int | None = None) -> tuple[Step, ...]:
    """Steps to try in turn until one gives an interpreter; the last is an Install unless a Use stands before it."""
    override = _override(facts, bits)
    if override:
        return (override,)
    steps: list[Step] = []
    for width in (32,) if bits == 32 else (32, 64):
        good = _good(facts, width)
        if good:
            return (*steps, Use(good))
        steps += _fetches(facts, width)
    return (*steps, _install(facts, bits))


def _override(facts: HostFacts, bits: int | None) -> Step | None:
    """What the environment asks for; one that cannot do the work is said, not passed over."""
    wanted = ("$MICROPYTHON32",) if bits == 32 else ("$MICROPYTHON", "$MICROPYTHON32")
    for source in wanted:
        for candidate in facts.candidates:
            if candidate.source == source:
                role = 32 if source == "$MICROPYTHON32" else bits
                if candidate.probe is None:
                    return Install(f"a MicroPython at {source}", f"it does not run: {candidate.path}")
                lacks = candidate.probe.lacks(role)
                if lacks:
                    return Install(f"{', '.join(lacks)} in the MicroPython at {source}", f"unset {source[1:]}")
                return Use(candidate)
    return None


def _good(facts: HostFacts, width: int) -> Candidate | None:
    for candidate in facts.candidates:
        probe = candidate.probe
        if probe and probe.bits == width and not probe.lacks(32 if width == 32 else None):
            return candidate
    return None


def _fetches(facts: HostFacts, width: int) -> list[Step]:
    """Roads by apt, without root, from the machine's own sites or from a Debian mirror that the user names."""
    native, small = ARCHITECTURES.get(facts.machine, (None, None))
    architecture = small if width == 32 else native
    if not facts.apt or architecture is None:
        return []
    steps: list[Step] = []
    debian = facts.debian_mirror or _site(facts, "Debian", None)
    if debian and DEBIAN_KEYRING in facts.keyrings:
        steps.append(Fetch(debian, DEBIAN_RELEASES, architecture, DEBIAN_KEYRING))
    # Ubuntu builds little for i386, and MicroPython is not among it.
    ubuntu = _site(facts, "Ubuntu", architecture)
    if width == 64 and ubuntu and UBUNTU_KEYRING in facts.keyrings:
        steps.append(Fetch(ubuntu, UBUNTU_RELEASES, architecture, UBUNTU_KEYRING))
    return steps


def _site(facts: HostFacts, origin: str, architecture: str | None) -> str:
    """The site of the release itself, not of its security updates, which lie elsewhere and hold no MicroPython."""
    for site in facts.sites:
        if site.origin == origin and site.codename == facts.codename and architecture in (None, site.architecture):
            return site.url
    return ""


def _install(facts: HostFacts, bits: int | None) -> Install:
    part = "32-bit MicroPython" if bits == 32 else "MicroPython"
    if facts.system == "Darwin":
        if bits == 32:
            return Install(part, "macOS runs no 32-bit programs; set MICROPYTHON32 to one that runs here")
        return Install(part, f"{'' if facts.brew else 'install Homebrew, then: '}brew install micropython")
    if facts.system != "Linux" or not facts.apt:
        return Install(part, f"build MicroPython's unix port and set MICROPYTHON{bits or ''} to its path")
    native, small = ARCHITECTURES.get(facts.machine, (None, None))
    if bits == 32 and native and not small:
        return Install(part, f"{facts.machine} has none in its distribution; set MICROPYTHON32 to one that runs here")
    if DEBIAN_KEYRING not in facts.keyrings:
        return Install(part, "sudo apt-get install debian-archive-keyring" + _mirror_hint(facts))
    if not facts.debian_mirror and not _site(facts, "Debian", None):
        return Install(part, "TELEHUB_DEBIAN_MIRROR=<a Debian mirror's address> make deps")
    if bits == 32 or (facts.distribution == "debian" and facts.codename == "bookworm"):
        return Install(part, "make deps, with a network")
    return Install(part, "sudo apt-get install micropython")


def _mirror_hint(facts: HostFacts) -> str:
    if facts.debian_mirror or _site(facts, "Debian", None):
        return " && make deps"
    return " && TELEHUB_DEBIAN_MIRROR=<a Debian mirror's address> make deps"
