"""A database of an older release becomes one of this: Alembic's revisions, in versions/.

A new database is made from schema.py at once and stamped with the newest revision (a month's campaign makes a
thousand of them); a test holds both ways against each other. Release 0.1 counted in a table `schema_version`.
"""

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.schema import CreateIndex, CreateTable

from tools.backend.engine import StoreProblem
from tools.backend.migrations.guards import GUARDS
from tools.backend.schema import TABLES

NEWEST = "0004"  # the last of versions/
_FIRST = "0001"
_HERE = Path(__file__).parent
_VERSIONS = "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"  # as Alembic makes it


def revision(connection: Connection) -> str | None:
    """What the database is: a revision, or None when it is empty. StoreProblem when it is not ours."""
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" in tables:
        return str(connection.scalar(text("SELECT version_num FROM alembic_version")))
    if "schema_version" in tables:
        version = connection.scalar(text("SELECT version FROM schema_version"))
        if version != 1:
            raise StoreProblem(f"database version {version}; this program knows {NEWEST}")
        return _FIRST
    if tables:
        raise StoreProblem("the database belongs to another program")
    return None


def migrate(connection: Connection) -> None:
    """Inside a transaction that keeps others out: make the tables, or bring them to the newest revision."""
    found = revision(connection)
    if found == NEWEST:
        return  # another process was first
    if found is None:
        for statement in (*_made(connection.dialect.name), *GUARDS[connection.dialect.name], _VERSIONS):
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{NEWEST}')")
        return
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        if "alembic_version" not in inspect(connection).get_table_names():
            command.stamp(config, found)
        command.upgrade(config, "head")
    except CommandError as bad:
        raise StoreProblem(f"database version {found}; this program knows {NEWEST}") from bad


@cache
def _made(engine: str) -> tuple[str, ...]:
    """The statements that make every table, as `engine` wants them."""
    from sqlalchemy.dialects import postgresql, sqlite

    dialect = sqlite.dialect() if engine == "sqlite" else postgresql.dialect()  # type: ignore[no-untyped-call]
    statements = []
    for table in TABLES.sorted_tables:
        statements.append(str(CreateTable(table).compile(dialect=dialect)))
        statements += [
            str(CreateIndex(index).compile(dialect=dialect))
            for index in sorted(table.indexes, key=lambda index: str(index.name))
        ]
    return tuple(statements)
