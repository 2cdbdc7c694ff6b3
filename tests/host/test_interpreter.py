"""The finder of MicroPython, on facts recorded from (or documented for) each system that the README names."""

from dataclasses import replace

import pytest

from tools.host import interpreter
from tools.host.interpreter import Candidate, Fetch, HostFacts, Install, Probe, Site, Use, plan

# What each build says of itself. 1.26.1 i386: asked here. The others: from their releases' own notes.
FULL = frozenset(interpreter.NEEDED_32)
OLD = FULL - {"vfs", "tls"}  # both came with 1.23
DEBIAN_I386 = Probe((1, 26, 1), 32, (6, 3), FULL)
DEBIAN_AMD64 = Probe((1, 25, 0), 64, (6, 3), FULL)
NOBLE_AMD64 = Probe((1, 22, 1), 64, (6, 2), OLD)
BREW = Probe((1, 26, 0), 64, (6, 3), FULL)

# Stand-ins for mirrors: what counts is which of them is chosen.
MIRROR = "http://mirror.example/debian"
SECURITY = "http://security.example/debian-security"
UBUNTU = "http://mirror.example/ubuntu"
BOTH_KEYRINGS = (interpreter.DEBIAN_KEYRING, interpreter.UBUNTU_KEYRING)

DEBIAN_12 = HostFacts(
    system="Linux", machine="x86_64", distribution="debian", codename="bookworm", apt=True,
    sites=(
        Site(SECURITY, "Debian", "bookworm-security", "amd64"),
        Site(MIRROR, "Debian", "bookworm", "amd64"),
        Site(MIRROR, "Debian", "bookworm-updates", "amd64"),
    ),
    keyrings=(interpreter.DEBIAN_KEYRING,),
)  # fmt: skip
DEBIAN_13 = replace(
    DEBIAN_12, codename="trixie", candidates=(Candidate("PATH", "/usr/bin/micropython", DEBIAN_AMD64),),
    sites=(Site(SECURITY, "Debian", "trixie-security", "amd64"), Site(MIRROR, "Debian", "trixie", "amd64")),
)  # fmt: skip
UBUNTU_24 = HostFacts(
    system="Linux", machine="x86_64", distribution="ubuntu", codename="noble", apt=True,
    candidates=(Candidate("PATH", "/usr/bin/micropython", NOBLE_AMD64),),
    sites=(Site(UBUNTU, "Ubuntu", "noble", "amd64"), Site(UBUNTU, "Ubuntu", "noble-security", "amd64")),
    keyrings=(interpreter.UBUNTU_KEYRING,),
)  # fmt: skip
MAC_ARM = HostFacts(
    system="Darwin", machine="arm64", brew=True,
    candidates=(Candidate("PATH", "/opt/homebrew/bin/micropython", BREW),),
)  # fmt: skip
MAC_INTEL = replace(
    MAC_ARM, machine="x86_64", candidates=(Candidate("PATH", "/usr/local/bin/micropython", BREW),)
)  # fmt: skip
MAC_WITHOUT_BREW = HostFacts(system="Darwin", machine="arm64")
FEDORA = HostFacts(system="Linux", machine="x86_64", distribution="fedora")
# A Debian of 64-bit ARM, and one in an image that has never asked its mirror: origin and codename are then taken from
# os-release and from the source line itself (interpreters.py).
DEBIAN_13_ARM = replace(
    DEBIAN_13, machine="aarch64", candidates=(), sites=(Site(MIRROR, "Debian", "trixie", "arm64"),)
)  # fmt: skip
DEBIAN_12_IMAGE = replace(DEBIAN_12, sites=(Site(MIRROR, "Debian", "bookworm", "amd64"),))
# Debian 12 without its own key ring, as after a removal by hand: nothing fetched could be believed.
DEBIAN_12_KEYLESS = replace(DEBIAN_12, keyrings=())
# Linux Mint: Ubuntu's packages under a codename of its own.
MINT = replace(UBUNTU_24, distribution="linuxmint", codename="wilma")
BARE = HostFacts(system="Linux", machine="x86_64")
HOSTS = {
    "debian 12": DEBIAN_12, "debian 12 image": DEBIAN_12_IMAGE, "debian 12 keyless": DEBIAN_12_KEYLESS,
    "debian 13": DEBIAN_13, "debian 13 arm": DEBIAN_13_ARM, "ubuntu 24.04": UBUNTU_24, "mint": MINT,
    "macos arm": MAC_ARM, "macos intel": MAC_INTEL, "macos without brew": MAC_WITHOUT_BREW, "fedora": FEDORA,
    "bare": BARE,
}  # fmt: skip


def debian(architecture):
    return Fetch(MIRROR, interpreter.DEBIAN_RELEASES, architecture, interpreter.DEBIAN_KEYRING)


def test_debian_12_fetches_the_32_bit_one_from_its_own_mirror_and_not_from_the_security_site():
    assert plan(DEBIAN_12, 32)[0] == debian("i386")
    assert plan(DEBIAN_12) == (debian("i386"), debian("amd64"), Install("MicroPython", "make deps, with a network"))


def test_debian_13_prefers_32_bit_and_falls_back_to_the_installed_one():
    assert plan(DEBIAN_13, 32)[0] == debian("i386")
    assert plan(DEBIAN_13) == (debian("i386"), Use(DEBIAN_13.candidates[0]))


def test_ubuntu_passes_its_own_old_one_over_and_takes_a_newer_release_of_ubuntu():
    newer = Fetch(UBUNTU, interpreter.UBUNTU_RELEASES, "amd64", interpreter.UBUNTU_KEYRING)
    assert plan(UBUNTU_24)[0] == newer
    assert plan(UBUNTU_24, 32) == (
        Install(
            "32-bit MicroPython",
            "sudo apt-get install debian-archive-keyring"
            " && TELEHUB_DEBIAN_MIRROR=<a Debian mirror's address> make deps",
        ),
    )


def test_ubuntu_with_a_debian_mirror_named_and_its_keyring_has_the_32_bit_one():
    host = replace(UBUNTU_24, debian_mirror=MIRROR, keyrings=BOTH_KEYRINGS)
    assert plan(host, 32)[0] == debian("i386")
    assert plan(host)[0] == debian("i386")


def test_a_debian_mirror_without_the_keyring_is_not_believed():
    host = replace(UBUNTU_24, debian_mirror=MIRROR)
    assert not any(isinstance(step, Fetch) and step.site == MIRROR for step in plan(host) + plan(host, 32))
    assert plan(host, 32)[-1].get == "sudo apt-get install debian-archive-keyring && make deps"


@pytest.mark.parametrize("host", [MAC_ARM, MAC_INTEL])
def test_macos_uses_homebrews_and_says_that_32_bit_cannot_be(host):
    assert plan(host) == (Use(host.candidates[0]),)
    [only] = plan(host, 32)
    assert isinstance(only, Install)
    assert "MICROPYTHON32" in only.get


def test_macos_without_it_names_the_one_command():
    assert plan(replace(MAC_ARM, candidates=())) == (Install("MicroPython", "brew install micropython"),)


def test_macos_without_homebrew_is_told_of_it_first():
    assert plan(MAC_WITHOUT_BREW) == (Install("MicroPython", "install Homebrew, then: brew install micropython"),)


@pytest.mark.parametrize("host", [BARE, FEDORA])
def test_a_system_without_apt_is_told_to_build_one(host):
    assert plan(host) == (Install("MicroPython", "build MicroPython's unix port and set MICROPYTHON to its path"),)
    assert plan(host, 32)[-1].get.endswith("set MICROPYTHON32 to its path")


@pytest.mark.parametrize("host", [FEDORA, BARE, MAC_WITHOUT_BREW])
def test_one_on_path_is_used_whoever_packaged_it(host):
    host = replace(host, candidates=(Candidate("PATH", "/usr/bin/micropython", DEBIAN_AMD64),))
    assert plan(host) == (Use(host.candidates[0]),)


def test_an_image_that_never_asked_its_mirror_fetches_like_any_debian():
    assert plan(DEBIAN_12_IMAGE) == plan(DEBIAN_12)


def test_without_a_key_ring_nothing_is_fetched():
    assert plan(DEBIAN_12_KEYLESS) == (
        Install("MicroPython", "sudo apt-get install debian-archive-keyring && make deps"),
    )


def test_a_distribution_on_ubuntus_packages_names_one_command():
    assert not any(isinstance(step, Fetch) for step in plan(MINT))
    assert isinstance(plan(MINT)[-1], Install)


def test_releases_are_tried_in_turn_and_the_64_bit_ones_after_the_32_bit_ones():
    """A mirror in the middle of a sync breaks one release's index for one architecture; others are then whole."""
    fetches = [step for step in plan(DEBIAN_12) if isinstance(step, Fetch)]
    assert [(step.architecture, len(step.releases) > 1) for step in fetches] == [("i386", True), ("amd64", True)]


def test_a_64_bit_arm_host_is_not_promised_a_32_bit_one():
    host = replace(DEBIAN_13, machine="aarch64", candidates=())
    assert plan(host)[0] == debian("arm64")
    assert isinstance(plan(host, 32)[0], Install)


def test_what_was_fetched_before_is_used_without_asking_anybody():
    host = replace(DEBIAN_12, candidates=(Candidate("fetched", "/x/micropython-i386", DEBIAN_I386),))
    assert plan(host) == plan(host, 32) == (Use(host.candidates[0]),)


def test_one_that_no_longer_runs_is_fetched_again():
    host = replace(DEBIAN_12, candidates=(Candidate("fetched", "/x/micropython-i386", None),))
    assert plan(host, 32)[0] == debian("i386")


@pytest.mark.parametrize("name", HOSTS)
def test_overrides_go_before_everything(name):
    mine32 = Candidate("$MICROPYTHON32", "/mine/32", DEBIAN_I386)
    mine = Candidate("$MICROPYTHON", "/mine/64", DEBIAN_AMD64)
    host = replace(HOSTS[name], candidates=(mine32, mine, *HOSTS[name].candidates))
    assert plan(host, 32) == (Use(mine32),)
    assert plan(host) == (Use(mine),)
    assert plan(replace(host, candidates=(mine32,))) == (Use(mine32),)


@pytest.mark.parametrize(
    "candidate",
    [
        Candidate("$MICROPYTHON32", "/mine/64", DEBIAN_AMD64),
        Candidate("$MICROPYTHON32", "/mine/nothing", None),
        Candidate("$MICROPYTHON", "/mine/old", NOBLE_AMD64),
    ],
)
def test_an_override_that_cannot_do_the_work_is_said_and_not_passed_over(candidate):
    bits = 32 if candidate.source == "$MICROPYTHON32" else None
    [only] = plan(replace(DEBIAN_12, candidates=(candidate,)), bits)
    assert isinstance(only, Install)
    assert candidate.source in only.part


@pytest.mark.parametrize("name", HOSTS)
@pytest.mark.parametrize("bits", [32, None])
def test_every_plan_ends_in_one_that_runs_or_in_one_command(name, bits):
    last = plan(HOSTS[name], bits)[-1]
    assert isinstance(last, Use | Install)
    assert not isinstance(last, Install) or "\n" not in last.get
