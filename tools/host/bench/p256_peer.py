"""The best P-256 in pure Python that MicroPython can be brought to run: starkbank-ecdsa, its arithmetic untouched.

What MicroPython lacks is put beside it (base64, datetime, hmac, re, secrets), and three idioms are written otherwise:
`int.bit_length`, `str.zfill`, and `pow(x, -1, n)`, which is silently 0 there, so that its own fall-back is taken.
"""

import importlib.util
import re
import shutil
from pathlib import Path

from tools.host.output import MissingPart

NAME = "starkbank-ecdsa"

_BESIDE = {
    "base64": "from binascii import b2a_base64, a2b_base64 as b64decode\n"
    "def b64encode(octets):\n    return b2a_base64(octets)[:-1]\n",
    "datetime": "class datetime:\n    pass\n",
    "hmac": "from firmware.seal.hmac import hmac_sha256\n"
    "class new:\n    def __init__(self, key, message, hash):\n        self._mac = hmac_sha256(key, message)\n"
    "    def digest(self):\n        return self._mac\n",
    "re": "def search(*_):\n    raise NotImplementedError\n",
    "secrets": "import os\ndef randbelow(n):\n    return int.from_bytes(os.urandom(40), 'big') % n\n",
}
_HELPERS = (
    "def _bits(n):\n    return len(bin(n)) - 2 if n else 0\n"
    "def _zfill(text, count):\n    return '0' * (count - len(text)) + text\n"
)


def adapted(into: Path) -> Path:
    """Write a copy that MicroPython imports; returns its folder."""
    found = importlib.util.find_spec("ellipticcurve")
    if found is None or not found.submodule_search_locations:
        raise MissingPart(NAME, "make deps")
    package = into / "ellipticcurve"
    shutil.rmtree(package, ignore_errors=True)
    for source in sorted(Path(found.submodule_search_locations[0]).rglob("*.py")):
        target = package / source.relative_to(found.submodule_search_locations[0])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_adapt(source.read_text()))
    for name, text in _BESIDE.items():
        (into / f"{name}.py").write_text(text)
    return into


def _adapt(text: str) -> str:
    text = text.replace("from sys import version_info as pyVersion", "class pyVersion:\n    major = 3")
    text = text.replace("hashfunc().digest_size", "32").replace("return pow(x, -1, n)", "raise TypeError")
    changed = re.sub(r"\b([A-Za-z_]\w*)\.bit_length\(\)", r"_bits(\1)", text)
    inner = r"[^()]*"
    for _ in range(3):  # as deep as its parentheses go
        inner = rf"(?:[^()]|\({inner}\))*"
    changed = re.sub(rf"(hexFromInt\({inner}\))\.zfill\(([^()]*)\)", r"_zfill(\1, \2)", changed)
    return text if changed == text else _HELPERS + changed
