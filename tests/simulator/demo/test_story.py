"""The story without a terminal, and the files that it leaves: their contract, field by field, as it was agreed."""

import json
import re
import stat
from base64 import urlsafe_b64decode
from collections import defaultdict
from decimal import Decimal

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.simulator.demo.demo import RUN_S_MAX, demo, lines, run_json

pytestmark = [pytest.mark.needs("micropython", "library"), pytest.mark.timeout(2 * RUN_S_MAX)]

SEED = 5
MODELS = {  # a programme's kit, and the kind and codes (IEEE 11073-10101) that each display shows
    "telehjerte": {
        "UA-651BLE": ("blood_pressure", {150021, 150022, 150023, 149546}),
        "UC-352BLE": ("body_weight", {188736}),
    },
    "telekol": {
        "Model 3230": ("pulse_oximetry", {150456, 149530}),
        "UC-352BLE": ("body_weight", {188736}),
    },
}
RUN = {
    "format": int, "ok": bool, "seed": int, "scenario": str, "hub": str, "micropython": str, "bits": int,
    "aioble": str, "broker": str, "taken": int, "kept": int, "delivered": int, "held": int, "verified": int,
    "possible_repeats": int, "lost": int, "doubled": int, "programmed_octets": int, "erases": int,
    "envelope_octets": int, "heap_peak_octets": int, "wall_s": float,
}  # fmt: skip
TAKEN = {"taken", "device", "model", "kind", "shown_at", "device_time", "for_patient", "quantities", "status"}
READING = {
    "reading", "hub", "sequence", "index", "captures", "envelope", "device", "model", "kind", "device_time",
    "device_time_state", "hub_time", "hub_clock", "skew_ms", "quantities", "status", "source", "test", "flags",
}  # fmt: skip
COMPARED = ("kind", "device_time", "quantities", "status")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """`runs(scenario, times)`: the folders of so many runs with the same seed, each made once."""
    made = defaultdict(list)

    def give(scenario, times=1):
        while len(made[scenario]) < times:
            folder = tmp_path_factory.mktemp(scenario)
            ran = demo("--seed", SEED, "--scenario", scenario, "--out", folder, "--json")
            assert ran.returncode == 0, ran.stdout + ran.stderr
            made[scenario].append((folder, ran))
        return [folder for folder, _ in made[scenario][:times]], made[scenario][0][1]

    return give


@pytest.fixture(params=MODELS)
def scenario(request):
    return request.param


@pytest.fixture
def folder(runs, scenario):
    [folder], _ = runs(scenario)
    return folder


@pytest.mark.promise("P2", "P4", "P5")
def test_all_that_was_taken_is_kept_delivered_and_verified_once(folder, scenario):
    run = run_json(folder)
    assert run["ok"] is True
    assert {name: type(run[name]) for name in RUN} == RUN
    assert (run["format"], run["seed"], run["scenario"], run["broker"]) == (1, SEED, scenario, "embedded")
    assert run["taken"] == run["kept"] == run["delivered"] == run["verified"] == len(lines(folder / "taken.jsonl"))
    assert run["taken"] >= 7  # two devices on two mornings and an evening, and the reading under the pulled plug
    assert (run["held"], run["possible_repeats"], run["lost"], run["doubled"]) == (0, 0, 0, 0)
    assert run["bits"] in (32, 64)
    assert run["aioble"] in ("real", "standin")
    assert re.fullmatch(r"\d+\.\d+\.\d+", run["micropython"])
    assert re.fullmatch("[0-9a-f]{12}", run["hub"])
    assert 0 < run["heap_peak_octets"] <= 192 * 1024 * run["bits"] // 32
    assert run["envelope_octets"] == sum(
        len(path.read_bytes()) for path in folder.glob("*.cose") if "receipt" not in path.name
    )


@pytest.mark.promise("P3", "P7")
def test_per_device_the_store_holds_what_the_display_showed_in_its_order(folder, scenario):
    taken, stored = lines(folder / "taken.jsonl"), lines(folder / "readings.jsonl")
    devices = {one["device"]: one["model"] for one in taken}
    assert set(devices.values()) == set(MODELS[scenario])
    assert {one["device"] for one in stored} == set(devices)
    for device, model in devices.items():
        shown = [one for one in taken if one["device"] == device]
        kept = [one for one in stored if one["device"] == device]
        assert [[one[name] for name in COMPARED] for one in kept] == [[one[name] for name in COMPARED] for one in shown]
        kind, codes = MODELS[scenario][model]
        assert {one["kind"] for one in kept} == {kind}
        assert {one["model"] for one in kept} == {model}
        assert all(codes <= {quantity["code"] for quantity in one["quantities"]} for one in kept)


def test_a_line_of_taken_says_what_a_display_showed(folder):
    taken = lines(folder / "taken.jsonl")
    assert [one["taken"] for one in taken] == list(range(1, len(taken) + 1))
    for one in taken:
        assert set(one) == TAKEN
        assert re.fullmatch("([0-9a-f]{2}:){5}[0-9a-f]{2}", one["device"])
        assert re.fullmatch(r"2026-01-0\dT\d\d:\d\d:\d\d(\.\d+)?Z", one["shown_at"])
        assert one["device_time"] is None or re.fullmatch(r"2026-01-0\dT\d\d:\d\d:\d\d", one["device_time"])
        assert one["for_patient"] is True
        for quantity in one["quantities"]:
            assert set(quantity) in ({"code", "value", "unit"}, {"code", "reason"})
            assert "value" not in quantity or Decimal(quantity["value"]).is_finite()


def test_a_line_of_readings_says_where_it_came_from(folder):
    hub = run_json(folder)["hub"]
    captures = []
    for one in lines(folder / "readings.jsonl"):
        assert READING <= set(one)
        assert re.fullmatch(rf"{hub}:[0-9a-f]+:{one['sequence']}:{one['index']}", one["reading"])
        assert one["hub"] == hub
        assert (folder / f"{one['sequence']:06d}.cose").exists()
        assert re.fullmatch("[0-9a-f]{64}", one["envelope"])
        assert one["device_time_state"] in ("ok", "unknown", "invalid", "absent")
        assert one["test"] is False
        assert all(set(source) == {"characteristic", "hex"} for source in one["source"])
        assert all(bytes.fromhex(source["hex"]) for source in one["source"])
        captures += one["captures"]
    assert len(captures) == len(set(captures))


@pytest.mark.promise("P12")
def test_keys_are_public_but_for_the_demos_own_receipt_key(folder):
    for name in ("hub.jwk", "platform.jwk"):
        key = json.loads((folder / name).read_text())
        assert set(key) == {"kty", "crv", "x", "y", "kid"}
        numbers = [int.from_bytes(urlsafe_b64decode(key[axis] + "="), "big") for axis in "xy"]
        ec.EllipticCurvePublicNumbers(*numbers, ec.SECP256R1()).public_key()  # ValueError off the curve
    receipt = folder / "receipt.jwk"
    assert json.loads(receipt.read_text())["kty"] == "oct"
    assert stat.S_IMODE(receipt.stat().st_mode) == 0o600


@pytest.mark.promise("P5")
def test_each_envelope_has_its_receipt_and_their_numbers_have_no_gap(folder):
    envelopes = sorted(path.name for path in folder.glob("??????.cose"))
    receipts = sorted(path.name for path in folder.glob("??????.receipt.cose"))
    assert envelopes == [f"{number:06d}.cose" for number in range(1, len(envelopes) + 1)]
    assert receipts == [name.replace(".cose", ".receipt.cose") for name in envelopes]
    tags = {"": 18, ".receipt": 17}  # COSE_Sign1 and COSE_Mac0 (RFC 9052, table 1)
    for name in envelopes:
        for middle, tag in tags.items():
            octets = (folder / name.replace(".cose", f"{middle}.cose")).read_bytes()
            read = cbor2.loads(octets)
            assert isinstance(read, cbor2.CBORTag)
            assert read.tag == tag


@pytest.mark.promise("P4", "P5")
def test_every_reading_is_in_futs_stand_in_once(folder, scenario):
    observations = lines(folder / "fut.jsonl")
    run = run_json(folder)
    assert run["fut"] == {
        "confirmed": run["taken"], "held": 0, "waiting": 0, "observations": len(observations),
    }  # fmt: skip
    names = [one["identifier"][0]["value"] for one in observations]
    assert len(set(names)) == len(names)
    weights = [one["valueQuantity"]["value"] for one in observations if one["code"]["coding"][0]["code"] == "NPU03804"]
    shown = [one["quantities"][0]["value"] for one in lines(folder / "taken.jsonl") if one["kind"] == "body_weight"]
    assert weights == [float(value) for value in shown]
    if scenario == "telehjerte":
        panels = [one for one in observations if one["code"]["coding"][0]["code"] == "ZZ3170"]
        told = [[part["valueQuantity"]["value"] for part in one["component"]] for one in panels]
        pressures = [one["quantities"] for one in lines(folder / "taken.jsonl") if one["kind"] == "blood_pressure"]
        assert sorted(told) == sorted([int(one["value"]) for one in row[:2]] for row in pressures)


def test_the_folder_is_what_telehub_fhir_takes(folder, tmp_path, capsys):
    from tools.cli import run

    files = ["--readings", str(folder / "readings.jsonl"), "--context", str(folder / "context.json")]
    assert run(["fhir", *files, "--held", str(tmp_path / "held")]) == 0
    bodies = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    names = [
        entry["fullUrl"] for body in bodies for entry in body["parameter"][0]["resource"]["entry"]
    ]
    assert sorted(names) == sorted(one["identifier"][0]["value"] for one in lines(folder / "fut.jsonl"))


def test_verify_finds_the_folder_good(folder):
    from tools.cli import run

    assert run(["verify", str(folder), "--keys", str(folder), "--json"]) == 0


def test_the_same_seed_gives_the_same_octets(runs):
    [first, second], _ = runs("telehjerte", 2)
    names = sorted(path.name for path in first.iterdir())
    assert names == sorted(path.name for path in second.iterdir())
    same = [name for name in names if (first / name).read_bytes() == (second / name).read_bytes()]
    assert set(names) - set(same) <= {"run.json"}  # it tells the time that the run took


def test_json_is_one_object_that_says_the_same_as_run_json(runs):
    [folder], ran = runs("telehjerte")
    [line] = ran.stdout.splitlines()
    said = json.loads(line)
    assert (said.pop("summary"), said) == ("demo", run_json(folder))
    assert ran.stderr == ""


def test_an_earlier_run_is_not_written_over(runs, folder):
    before = (folder / "run.json").read_bytes()
    ran = demo("--out", folder, "--json")
    assert ran.returncode == 2
    assert "earlier run" in json.loads(ran.stdout)["error"]
    assert (folder / "run.json").read_bytes() == before
