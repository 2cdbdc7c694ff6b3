"""`telehub bench`: which figures it measures, how it prints them, and when it fails."""

import json
from importlib import import_module

import pytest

from tools import cli
from tools.host.bench import heap, stories
from tools.host.bench.plan import Plan
from tools.host.figures import Figure

FIELDS = {"figure", "value", "unit", "target", "bound", "peer", "peer_value", "ratio", "runs", "ok"}


@pytest.fixture
def rooms(monkeypatch):
    """Two rooms with known figures in the place of the real ones; gives the plans that they were asked with."""
    module = import_module("tools.host.bench.command")  # the package's own name `command` is the function
    asked = []

    def first(plan):
        asked.append(plan)
        yield Figure("first.good", 3, "octets", 3)
        yield Figure("first.bad", 4, "octets", 3)

    def second(plan):
        asked.append(plan)
        yield Figure("second.free", 5, "s")

    monkeypatch.setattr(module, "ROOMS", {"first": first, "second": second})
    return asked


def run(capsys, *arguments):
    code = cli.run(["bench", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_each_figure_is_a_line_of_the_contract_and_one_that_misses_fails(capsys, rooms):
    code, out, _err = run(capsys, "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert [line["figure"] for line in lines[:-1]] == ["first.good", "first.bad", "second.free"]
    assert all(set(line) == FIELDS for line in lines[:-1])
    assert lines[-1] == {"summary": "bench", "ok": False, "figures": 3, "missed": ["first.bad"]}


def test_people_read_which_one_missed(capsys, rooms):
    code, out, _err = run(capsys)
    assert code == 1
    assert out.splitlines()[-1] == "3 figures, MISSED: first.bad"


@pytest.mark.parametrize(
    ("names", "figures", "asked"),
    [
        (["first.good"], ["first.good"], 1),
        (["sec"], ["second.free"], 1),
        (["second.free", "first.g"], ["first.good", "second.free"], 2),
    ],
)
def test_a_name_chooses_figures_and_nothing_else_is_measured(capsys, rooms, names, figures, asked):
    code, out, _err = run(capsys, *names, "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [line["figure"] for line in lines[:-1]] == figures
    assert len(rooms) == asked


def test_seeds_are_handed_on(capsys, rooms):
    run(capsys, "second", "--seed", "7", "--seeds", "3-5", "--json")
    assert rooms == [Plan(7, range(3, 6), ("second",))]
    run(capsys, "second", "--seeds", "4")
    assert rooms[-1].seeds == range(4, 5)


@pytest.mark.parametrize("arguments", [("nothing",), ("--seeds", "5-3"), ("--seeds", "x"), ("--seeds", "1-"), ("-x",)])
def test_wrong_use_is_2(capsys, rooms, arguments):
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err


def test_a_name_that_no_figure_has_is_not_a_success(capsys, rooms):
    code, out, _err = run(capsys, "first.unheard_of")
    assert (code, out) == (1, "")


def test_files_that_differ_or_are_missing_are_counted(tmp_path):
    one, other = tmp_path / "a", tmp_path / "b"
    for folder in (one, other):
        folder.mkdir()
        for name in ("000001.cose", "000001.receipt.cose", "taken.jsonl", "readings.jsonl", "run.json"):
            (folder / name).write_text("same")
    (other / "run.json").write_text("its wall time is another")
    assert stories.differences(one, other) == set()
    (other / "000001.receipt.cose").write_text("Same")
    (other / "taken.jsonl").unlink()
    (one / "000002.cose").write_text("more")
    assert stories.differences(one, other) == {"000001.receipt.cose", "taken.jsonl", "000002.cose"}


@pytest.mark.parametrize("needed", [97, 100, 127, 160, 191, 192])
def test_the_smallest_heap_is_found_to_the_kibibyte(needed):
    tried = []

    def enough(octets):
        tried.append(octets)
        return octets >= needed * 1024 - 500

    assert heap.smallest(enough) == needed * 1024
    assert len(tried) <= 8


def test_a_heap_of_the_hubs_own_size_that_does_not_do_is_no_figure():
    assert heap.smallest(lambda octets: False) is None
