"""Carrying out the finder's plan when mirrors misbehave: the next release is tried, and nothing half-done stays."""

import pytest

from tests.host.test_interpreter import DEBIAN_12, DEBIAN_I386, debian
from tools.host import interpreters
from tools.host.apt import AptError
from tools.host.interpreter import Install

SYNC = "File has unexpected size (9436656 != 9437612). Mirror sync in progress?"  # said by a real mirror


class Mirror:
    """In the place of Apt: `broken` maps a release to what apt complains of, at which step."""

    broken: dict = {}
    asked: list = []

    def __init__(self, fetch, release, folder):
        self.where = (fetch.architecture, release)
        folder.mkdir(parents=True)
        self.folder = folder

    def _step(self, name):
        at, complaint = self.broken.get(self.where, ("", ""))
        if at == name:
            raise AptError(complaint)

    def update(self):
        self.asked.append(self.where)
        self._step("update")

    def unpack(self, package, into):
        into.mkdir(parents=True)
        (into / f"from-{self.where[1]}").write_text("")
        self._step("unpack")
        program = into / "usr" / "bin" / "micropython"
        program.parent.mkdir(parents=True)
        program.write_text("")
        (into / "ld-linux.so.2").write_text("#!/bin/sh\n")


@pytest.fixture
def host(tmp_path, monkeypatch):
    """Debian 12 with nothing yet; `host(broken)` sets up and returns (what was asked, what was said, what is left)."""
    monkeypatch.setattr(interpreters, "DEPS", tmp_path)
    monkeypatch.setattr(interpreters, "Apt", Mirror)
    monkeypatch.setattr(interpreters, "facts", lambda: DEBIAN_12)
    monkeypatch.setattr(interpreters, "probe", lambda path: DEBIAN_I386 if "i386" in path else None)
    monkeypatch.setattr(Mirror, "asked", [])

    def carry_out(broken):
        monkeypatch.setattr(Mirror, "broken", broken)
        said = []
        left = interpreters._carry_out(32, set(), said.append)
        return Mirror.asked, said, left

    return carry_out


FIRST, SECOND, THIRD = (("i386", release) for release in debian("i386").releases)


def test_a_mirror_in_the_middle_of_a_sync_sends_us_to_the_next_release(host, tmp_path):
    asked, said, left = host({FIRST: ("update", SYNC)})
    assert (asked, left) == ([FIRST, SECOND], None)
    assert any(SYNC in line for line in said)
    assert (tmp_path / "bin" / "micropython-i386").exists()
    assert not list((tmp_path / "apt").iterdir())


def test_packages_that_cannot_be_had_send_us_on_too_and_leave_no_half(host, tmp_path):
    asked, _, left = host({FIRST: ("unpack", "404 Not Found"), SECOND: ("update", SYNC)})
    assert (asked, left) == ([FIRST, SECOND, THIRD], None)
    assert [path.name for path in (tmp_path / "micropython-i386").glob("from-*")] == [f"from-{THIRD[1]}"]
    assert (tmp_path / "micropython-i386" / "usr").exists()


def test_when_every_release_fails_a_person_is_told_one_command(host):
    asked, said, left = host({where: ("update", SYNC) for where in (FIRST, SECOND, THIRD)})
    assert asked == [FIRST, SECOND, THIRD]
    assert left == Install("32-bit MicroPython", "make deps, with a network")
    assert sum(SYNC in line for line in said) == 3


def test_a_tree_that_moved_gets_its_wrappers_again_whatever_lies_beside_them(host, tmp_path):
    host({})
    wrapper = tmp_path / "bin" / "micropython-i386"
    before = wrapper.read_text()
    wrapper.write_text("of another place")
    (tmp_path / "micropython-source" / "tests").mkdir(parents=True)  # interpreters.upstream_tests
    (tmp_path / "micropython-amd64").mkdir()  # a fetch that was cut short
    interpreters.refresh_wrappers()
    assert wrapper.read_text() == before
    assert [path.name for path in (tmp_path / "bin").iterdir()] == ["micropython-i386"]
