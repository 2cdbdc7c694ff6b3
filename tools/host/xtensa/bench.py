"""`make bench-xtensa`: counts the Xtensa instructions of the hub's signatures, with Debian's compiler and emulator.

Every run of the same code gives the same counts. Debian's compiler is for the LX106 and its call0 convention, the
ESP32-S3 has register windows, so these counts compare one version of this code with the next, not with a stopwatch.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tools.host import compile as build
from tools.host import interpreters, p256_table, romfs
from tools.host.figures import Figure
from tools.host.output import CommandError, MissingPart, Output, report

_HERE = Path(__file__).parent
_FOLDER = build.ROOT / "build" / "xtensa"
_HEADERS = Path("/usr/lib/xtensa-lx106-elf/include")
_RUN_TIMEOUT_S = 600  # 1000 signatures are 3.2 thousand million instructions: half a minute
_ARCHITECTURE = "xtensa"  # mpy-cross's word for call0
_SIGNATURE = (  # RFC 6979, A.2.5, "sample"
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
)
_MODULES = ("__init__", "hmac", "p256", "p256_domain", "p256_native", "p256_limbs", "p256_plain", "p256_schemes")


def command(as_json: Annotated[bool, typer.Option("--json", help="one object a line")] = False) -> int:
    """Build, run, print the figures."""
    output = Output(as_json)
    figures = measure(output)
    for figure in figures:
        output.line(figure.line(), figure.text())
    missed = [figure.figure for figure in figures if not figure.ok]
    return output.summary("bench-xtensa", not missed, figures=len(figures), missed=missed)


def measure(output: Output) -> list[Figure]:
    """The figures; MissingPart when this host cannot take them."""
    _need_tools()
    source = interpreters.upstream_source()
    output.log("building MicroPython for Xtensa …")
    _make_rom()
    _build(source)
    output.log("counting 1000 signatures …")
    told = _run()
    if told["a_tick"] != 25 or told["signature"] != _SIGNATURE or not (told["native"] and told["tabled"]):
        raise CommandError("the emulated chip does not compute as it should", json.dumps(told))
    mean = told["mean"]
    spread = 100 * max(told["most"] - mean, mean - told["least"]) / mean
    unit = "instructions"
    return [
        Figure("p256.xtensa_sign", told["most"], unit, 3_700_000, runs=told["signatures"]),
        Figure("p256.xtensa_sign_off_mean", round(spread, 4), "%", 0.1, runs=told["signatures"]),
        Figure("p256.xtensa_garbage", told["garbage"], "octets", 6500, runs=told["signatures"]),
        Figure("p256.xtensa_public_key", told["public_key"], unit),
        Figure("p256.xtensa_verify", told["verify"], unit),
        Figure("p256.xtensa_ecdh", told["ecdh"], unit),
        Figure("p256.xtensa_first_use", told["first"], unit),
        Figure("p256.xtensa_code", told["code_octets"], "octets"),
        Figure("p256.table", len(p256_table.table()), "octets", p256_table.OCTETS_MAX),
    ]


def _need_tools() -> None:
    wanted = {
        "gcc-xtensa-lx106": shutil.which("xtensa-lx106-elf-gcc"),
        "picolibc-xtensa-lx106-elf": _HEADERS.exists(),
        "qemu-system-misc": shutil.which("qemu-system-xtensa"),
        "make": shutil.which("make"),
    }
    missing = [package for package, found in wanted.items() if not found]
    if missing:
        raise MissingPart(", ".join(missing), f"sudo apt-get install {' '.join(missing)}")
    build.mpy_cross()


def _make_rom() -> None:
    """What runs: the firmware's files, the table and the program, as one ROMFS."""
    rom = _FOLDER / "rom"
    root = build.ROOT
    files = [root / "firmware" / "__init__.py"]
    files += [root / "firmware" / "seal" / f"{name}.py" for name in _MODULES]
    build.image(into=rom, architecture=_ARCHITECTURE, only=files)
    (rom / "firmware" / "seal" / p256_table.NAME).write_bytes(p256_table.table())
    build.image(root=_HERE, into=rom, architecture=_ARCHITECTURE, only=[_HERE / "program.py"])
    (_FOLDER / "rom.img").write_bytes(romfs.packed(rom))


def _build(source: Path) -> None:
    ran = subprocess.run(
        ["make", "-s", "-j2", "-C", str(_HERE), f"TOP={source}", f"BUILD={_FOLDER}", f"PYTHON={sys.executable}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ran.returncode:
        raise CommandError("MicroPython does not build for Xtensa", (ran.stderr + ran.stdout)[-2000:])


def _run() -> dict[str, Any]:
    command_line = [
        "qemu-system-xtensa", "-M", "sim", "-cpu", "de212", "-m", "64M", "-nographic", "-semihosting",
        "-icount", "shift=0", "-monitor", "none", "-serial", "none", "-kernel", str(_FOLDER / "firmware.elf"),
    ]  # fmt: skip
    ran = subprocess.run(
        command_line, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=_RUN_TIMEOUT_S
    )
    told: dict[str, Any] = {}
    try:
        for line in ran.stdout.splitlines():
            told.update(json.loads(line))
    except ValueError:
        raise CommandError("the program failed in QEMU", ran.stdout[-2000:]) from None
    if "mean" not in told:
        raise CommandError("the program ended early in QEMU", (ran.stdout + ran.stderr)[-2000:])
    return told


def main() -> None:
    """`python -m tools.host.xtensa.bench`."""
    try:
        app = typer.Typer(add_completion=False)
        app.command()(command)
        sys.exit(typer.main.get_command(app).main(standalone_mode=False))
    except CommandError as error:
        sys.exit(report(error, "--json" in sys.argv))


if __name__ == "__main__":
    main()
