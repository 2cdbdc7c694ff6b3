"""`telehub fhir` as its contract says: bodies alone on stdout, in order; the held in a file; the summary on stderr."""

import json

import pytest

from tests.backend.fut import made
from tests.backend.fut.checker import problems
from tests.backend.fut.made import assignment, reading
from tools.cli import run


@pytest.fixture
def files(tmp_path):
    """Writes readings and a context; gives the arguments that name them."""

    def write(readings, context=None):
        lines = "".join(json.dumps(one) + "\n" for one in readings)
        (tmp_path / "readings.jsonl").write_text(lines)
        (tmp_path / "context.json").write_text(json.dumps(made.content() if context is None else context))
        return [
            "fhir", "--readings", str(tmp_path / "readings.jsonl"), "--context", str(tmp_path / "context.json"),
            "--held", str(tmp_path / "held.jsonl"),
        ]  # fmt: skip

    return write


def test_bodies_in_order_and_a_summary(files, tmp_path, capsys):
    numbers = [3, 1, 2]
    assert run(files([reading(number=number) for number in numbers])) == 0
    said = capsys.readouterr()
    bodies = said.out.splitlines()
    assert len(bodies) == 3
    assert all(problems(body) == [] for body in bodies)
    told = [made.reading(number=number)["reading"] for number in numbers]
    again = [made_name(body) for body in bodies]
    from tools.backend.fut.observation import identifier
    from tools.backend.fut.tables import load

    assert again == [identifier(name, load("8.0.0").codes[made.NPU, "NPU03804"]) for name in told]
    summary = json.loads(said.err.splitlines()[-1])
    assert summary["summary"] == "fhir"
    assert (summary["ok"], summary["mapped"], summary["held"]) == (True, 3, 0)
    assert (tmp_path / "held.jsonl").read_text() == ""


def made_name(body):
    return json.loads(body)["parameter"][0]["resource"]["entry"][0]["fullUrl"]


def test_what_is_held_is_named_and_makes_it_1(files, tmp_path, capsys):
    one, two, three = reading(number=1), reading(number=2, test=True), reading(number=3)
    assert run(files([one, two, three, one])) == 1
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 2
    held = [json.loads(line) for line in (tmp_path / "held.jsonl").read_text().splitlines()]
    assert held == [
        {"reading": two["reading"], "reason": "test_data"},
        {"reading": one["reading"], "reason": "repeated"},
    ]
    summary = json.loads(said.err.splitlines()[-1])
    assert summary["reasons"] == {"repeated": 1, "test_data": 1}


def test_the_contracts_own_fields_are_enough(files):
    bare = reading()
    for name in ("offset_min", "link", "row"):
        del bare[name]
    assert run(files([bare])) == 0


def test_json_changes_nothing_on_stdout(files, capsys):
    arguments = files([reading()])
    assert run(arguments) == 0
    plain = capsys.readouterr()
    assert run([*arguments, "--json"]) == 0
    assert capsys.readouterr().out == plain.out


def test_a_bad_context_names_its_path_and_is_2(files, capsys):
    assert run([*files([reading()], made.content(assignment(slot="one"))), "--json"]) == 2
    assert "$.assignments[0].slot" in json.loads(capsys.readouterr().out.splitlines()[-1])["error"]


@pytest.mark.parametrize("spoilt", [
    {"quantities": [{"code": 188736}]}, {"quantities": [{"code": 188736, "value": 82.4, "unit": 263875}]},
    {"quantities": [{"code": 188736, "value": "NaN", "unit": 263875}]}, {"hub_time": "today"}, {"skew_ms": 0.5},
    {"device_time": None}, {"hub_clock": "rooster"}, {"flags": None},
])  # fmt: skip
def test_what_is_no_reading_is_2_and_names_its_line(files, capsys, spoilt):
    assert run([*files([reading(), reading(number=2, **spoilt)]), "--json"]) == 2
    said = capsys.readouterr()
    assert "line 2" in json.loads(said.out.splitlines()[-1])["error"]
    assert len(said.out.splitlines()) == 1  # nothing goes out of a file that is not whole


def test_missing_files_are_wrong_use(files, tmp_path, capsys):
    arguments = files([reading()])
    (tmp_path / "context.json").unlink()
    assert run(arguments) == 2
    assert "context.json" in capsys.readouterr().err
