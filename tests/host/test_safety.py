"""Secrets, licences, advisories: what is planted is found, and no answer is never "clean"."""

import json

import pytest

from tools.host import audit, leaks, licences

# Each in two halves, so that this file holds none.
PLANTED = {
    "a key": "-----BEGIN EC PRIVATE " + "KEY-----\nMHcCAQEEIA==\n",
    "a password": 'password = "hunter' + '2hunter2"\n',
    "a token of a forge": "token: ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8\n",
    "a web token": "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THs\n",
    "a cloud's key": "AKIA" + "IOSFODNN7REALKEY\n",
    "credentials in an address": "mqtts://hub:" + "s3cretpass@broker.example:8883\n",
    "a personal number": "patient 0101" + "80-1234\n",
}


@pytest.mark.promise("P12")
@pytest.mark.parametrize("what", PLANTED)
def test_what_is_planted_is_found(tmp_path, what):
    path = tmp_path / "settings.py"
    path.write_text("harmless = 1\n" + PLANTED[what])
    told = list(leaks.found([path]))
    assert told and all(number == 2 for _, number, _ in told)
    assert leaks.main([str(path)]) == 1


@pytest.mark.promise("P12")
def test_a_line_may_say_that_it_holds_none(tmp_path):
    path = tmp_path / "settings.py"
    path.write_text('SECRET = "of a test"  # pragma: allowlist secret - of a stand-in\nlong = "010180-12345"\n')
    assert list(leaks.found([path])) == []


def test_every_file_of_the_repository_is_looked_through():
    names = {path.name for path in leaks.files()}
    assert {"README.md", "hub.py", "test_safety.py", "Makefile", "run"} <= names


@pytest.mark.parametrize(
    ("told", "allowed"),
    [("MIT", True), ("Apache-2.0 OR BSD-3-Clause", True), ("GNU General Public License v3", False), ("none", False)],
)
def test_a_licence_that_is_on_no_list_is_refused(monkeypatch, told, allowed):
    monkeypatch.setattr(licences, "licence", lambda name: told)
    assert (list(licences.refused(["one"])) == []) == allowed


def test_all_that_is_locked_is_asked():
    names = licences.locked(licences.LOCK.read_text())
    assert len(names) > 60 and {"cryptography", "cbor2", "pytest"} <= set(names)
    assert list(licences.refused(names)) == []


def dependency(name, *advisories):
    return {"name": name, "version": "1", "vulns": [{"id": one} for one in advisories]}


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("", 3),
        ("Traceback", 3),
        ("{}", 3),
        ({"dependencies": []}, 3),
        ({"dependencies": [dependency("cbor2")]}, 3),
        ({"dependencies": [dependency("cbor2"), {"name": "Ruff", "skip_reason": "not found"}]}, 3),
        ({"dependencies": [dependency("cbor2"), dependency("Ruff")]}, 0),
        ({"dependencies": [dependency("cbor2", "PYSEC-1"), dependency("Ruff")]}, 1),
    ],
)
def test_only_an_answer_for_every_package_is_clean(answer, code):
    told = answer if isinstance(answer, str) else json.dumps(answer)
    assert audit.judged(told, ["cbor2", "ruff"])[0] == code


def test_a_source_that_cannot_be_asked_is_a_missing_part(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(audit, "_FOLDER", tmp_path / "audit")
    monkeypatch.setattr(audit.venv, "create", lambda *_, **__: (_ for _ in ()).throw(OSError("no room")))
    assert audit.main() == 3
    assert "nothing is known" in capsys.readouterr().err
