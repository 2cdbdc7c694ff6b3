"""Which aioble and umqtt the conformance tests run against: the one of this host, and the stand-in always."""

import pytest

from tools.host import library


def _present() -> list:
    folder, kind = library.find()
    rows = [pytest.param(library.STANDIN, id="standin")]
    if kind == "real":
        rows.append(pytest.param(folder, id=kind))
    return rows


each_library = pytest.mark.parametrize("library_folder", _present())
