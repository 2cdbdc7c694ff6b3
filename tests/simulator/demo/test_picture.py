"""The picture in the README: there, readable by itself, and made by a run that ended well."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from rich.text import Text

from tests.simulator.demo.demo import ROOT
from tools.simulator.demo import picture

OCTETS_MAX = 150_000


def words(path: Path) -> str:
    texts = ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")
    return " ".join("".join(text.itertext()) for text in texts).replace("\xa0", " ")


def test_the_readmes_picture_shows_a_run_that_ended_well():
    lines = (ROOT / "README.md").read_text().splitlines()
    [named] = [line for line in lines if line.startswith("![") and "demo/picture.svg" in line]
    path = ROOT / named.partition("](")[2].rstrip(")")
    assert len(path.read_bytes()) < OCTETS_MAX
    said = words(path)
    for word in ("the broker restarts", "receipt 3: stored", "taken", "kept", "delivered", "once, and verified."):
        assert word in said
    assert "NOT" not in said


def test_a_picture_asks_nobody_for_anything(tmp_path):
    picture.draw(tmp_path / "x.svg", Text("kept", "green"), Text("delivered"))
    text = (tmp_path / "x.svg").read_text()
    assert "kept" in words(tmp_path / "x.svg")
    assert "delivered" in words(tmp_path / "x.svg")
    assert [part[:18] for part in text.split("http")[1:]] == ["://www.w3.org/2000"]  # a name, not an address to ask
    assert "font-face" not in text
    assert "url(" not in text.replace("url(#telehub-", "")
