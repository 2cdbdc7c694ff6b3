"""What `make fuzz` runs on each value, with no fuzzer needed; and the fuzzer itself, where there is one."""

import importlib
import subprocess
import sys
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drivers
from drivers import blood_pressure, thermometer
from tests.drivers import pure_decode, pure_profiles
from tools.host import fuzz, fuzz_trust
from tools.host.interpreters import ROOT

TARGETS = fuzz.targets()
VECTORS = [
    ((row, uuid), bytes.fromhex(text.replace(" ", "")))
    for row, uuid, text, *_ in (*pure_decode.VECTORS, *pure_profiles.VECTORS)
]
VALUES_AN_EXAMPLE = 250
EXAMPLES = 400  # together 10 ** 5


def test_every_decoder_of_every_row_is_a_target():
    for row in drivers.ROWS:
        known = {uuid for target, uuid in TARGETS if target == row}
        assert known == set(drivers.load(drivers.ROWS[row]).decoders)


@pytest.mark.promise("P11")
def test_every_prefix_and_every_single_octet_change_of_every_vector():
    tried = 0
    for target, octets in VECTORS:
        for length in range(len(octets) + 1):
            fuzz.one(target, octets[:length])
        for at in range(len(octets)):
            for octet in range(256):
                fuzz.decoded(target, fuzz.Recorded(octets[:at] + bytes((octet,)) + octets[at + 1 :]))
                tried += 1
    assert tried > 150_000


@pytest.mark.promise("P11")
@settings(max_examples=EXAMPLES, deadline=None)
@given(st.integers(0, 2**64), st.sampled_from(TARGETS))
def test_a_hundred_thousand_random_values(seed, target):
    chance, octets = Random(seed), b""
    for _ in range(VALUES_AN_EXAMPLE):
        octets = chance.randbytes(chance.randrange(fuzz._OCTETS_MAX))
        fuzz.decoded(target, fuzz.Recorded(octets))
    fuzz.one(target, octets)


@pytest.mark.parametrize(
    "reads", [lambda octets: octets[len(octets)], lambda octets: octets[-1], lambda octets: octets[0:1]]
)
def test_a_decoder_that_reads_past_its_value_is_seen(monkeypatch, reads):
    driver = thermometer.DRIVER

    def broken(octets):
        reads(octets)
        return []

    monkeypatch.setattr(thermometer, "DRIVER", driver._replace(decoders={**driver.decoders, 0x2A1C: broken}))
    with pytest.raises((AssertionError, IndexError)):
        fuzz.one(("thermometer", 0x2A1C), b"\x00" * 5)


def test_a_decoder_that_is_not_alike_each_time_is_seen(monkeypatch):
    driver = blood_pressure.DRIVER
    told = []

    def moody(octets):
        told.append(octets)
        return blood_pressure.decode(octets) if len(told) % 2 else []

    monkeypatch.setattr(blood_pressure, "DRIVER", driver._replace(decoders={**driver.decoders, 0x2A35: moody}))
    with pytest.raises(AssertionError):
        fuzz.one(("blood_pressure", 0x2A35), bytes(7))


def test_without_the_fuzzer_it_says_what_is_missing():
    code = "import sys; sys.modules['atheris'] = None; from tools.host import fuzz; sys.exit(fuzz.main([]))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert ran.returncode == 3
    assert "make deps" in ran.stderr


@pytest.mark.needs("atheris")
def test_the_fuzzer_runs_and_finds_a_fault(tmp_path):
    command = [sys.executable, "-m", "tools.host.fuzz", "--target", "decoders", "--seconds", "2"]
    command += ["--corpus", str(tmp_path / "corpus")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert "stat::number_of_executed_units" in ran.stderr
    broken = (
        "import sys\n"
        "from tools.host import fuzz\n"
        "import drivers.thermometer as t\n"
        "t.DRIVER = t.DRIVER._replace(decoders={**t.DRIVER.decoders, 0x2A1C: lambda octets: octets[7] and []})\n"
        "sys.exit(fuzz.main(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", broken, *command[3:]]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert ran.returncode != 0
    assert "Uncaught Python exception" in ran.stdout
    assert list(tmp_path.glob("crash-*"))  # the octets that did it


# -- what is believed ---------------------------------------------------------------------------------------

MUTATED = 2500


@pytest.fixture(scope="module")
def trust():
    return {name: made() for name, made in fuzz_trust.TARGETS.items()}


@pytest.mark.promise("P10", "P11")
@pytest.mark.parametrize("name", fuzz_trust.TARGETS)
def test_mutated_letters_are_refused_and_never_crash(trust, name):
    target, chance = trust[name], Random(20261125)
    assert target.seeds and not any(target(octets) for octets in target.seeds)
    for _ in range(MUTATED):
        octets = bytearray(chance.choice(target.seeds))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(octets))
            how = chance.randrange(4)
            if how == 0:
                octets[at] ^= 1 << chance.randrange(8)
            elif how == 1:
                octets[at] = chance.choice(b"\x00\x01\x7f\x80\x9f\xbf\xf6\xf7\xfb\xff")
            elif how == 2:
                del octets[at : at + chance.randint(1, 8)]
            else:
                octets[at:at] = octets[: chance.randint(1, 9)]
            octets = octets or bytearray(1)
        assert not target(bytes(octets)), octets.hex()


@pytest.mark.parametrize(
    ("name", "module", "function", "careless"),
    [
        ("envelope", "tools.inspect.envelope", "authenticate", lambda message, lookup: None),
        ("receipt", "firmware.seal.mac0", "equal", lambda one, other: True),
        ("mqtt", "firmware.uplink.packets", "publish", lambda flags, body: (body, 0, body)),
        ("certificate", "firmware.uplink.certificate", "_time", lambda octets, at: ((1, 2), at)),
    ],
)
def test_a_reader_that_believes_too_much_is_seen(trust, monkeypatch, name, module, function, careless):
    target = trust[name]
    monkeypatch.setattr(importlib.import_module(module), function, careless)
    assert any(map(target, target.seeds)) or any(
        target(octets[:at] + bytes((octets[at] ^ 1,)) + octets[at + 1 :])
        for octets in target.seeds
        for at in range(1, len(octets))
    )


def test_a_request_for_another_name_is_seen(trust, monkeypatch):
    from tools.technician import ca

    monkeypatch.setattr(ca, "check_request", lambda octets, hub: None)
    assert trust["request"](trust["request"].seeds[1])


@pytest.mark.needs("atheris")
def test_the_fuzzer_runs_on_what_is_believed(tmp_path):
    command = [sys.executable, "-m", "tools.host.fuzz", "--target", "mqtt", "--runs", "3000"]
    command += ["--corpus", str(tmp_path / "c")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert "number_of_executed_units: 3000" in ran.stderr
