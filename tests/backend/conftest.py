"""Each promise of the store is asked of both engines: `database` is a fresh one of either."""

import pytest

from tools.backend.servers.postgresql import PostgreSQL


@pytest.fixture(scope="session")
def cluster():
    """A PostgreSQL for all tests of a run; no test here pulls its plug, so it need not sync."""
    with PostgreSQL(durable=False) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """The URL of an empty database."""
    if request.param == "sqlite":
        return str(tmp_path / "store.db")
    return request.getfixturevalue("cluster").new()
