"""What people at a table and at a telephone read: the README's road, its picture, the card."""

import re
from pathlib import Path

from firmware import indicator
from firmware.measurement.names import LIGHTS
from tests.simulator.demo.test_picture import OCTETS_MAX, words
from tools import cli

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_the_card_names_every_state_of_the_light_as_people_read_it():
    card = (ROOT / "tools" / "technician" / "TELEPHONE.md").read_text()
    for name, danish, english in LIGHTS:
        assert danish in card and english.lower() in card.lower(), name
    rows = [line for line in card.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + 1 + len(LIGHTS)  # the head, and the light that does not shine
    rhythms = {"five times a second": 5, "once a second": 1, "four short flashes a second": 4}
    for words_of, hertz in rhythms.items():
        assert words_of in card and hertz in [row[0] for row in indicator.RHYTHMS]


def test_the_readmes_road_is_three_commands_that_exist():
    section = README[README.index("## For technicians") : README.index("## Devices")]
    (block,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    typed = [line.partition("#")[0].split() for line in block.splitlines()]
    assert [line[:2] for line in typed] == [["telehub", name] for name in ("flash", "provision", "label")]
    for name in re.findall(r"telehub (\w+)", section):
        assert name in cli.COMMANDS and cli.exists(cli.COMMANDS[name][0]), name


def test_the_picture_shows_these_commands_and_asks_nobody_for_anything():
    path = ROOT / "tools" / "technician" / "picture.svg"
    assert "tools/technician/picture.svg" in README
    assert len(path.read_bytes()) < OCTETS_MAX
    said = words(path)
    for name in ("flash", "provision", "label", "doctor"):
        assert f"telehub {name} programme" in said
    assert "TH000002" in said and "8 MB are needed" in said
    text = path.read_text()
    assert "font-face" not in text and [part[:18] for part in text.split("http")[1:]] == ["://www.w3.org/2000"]
