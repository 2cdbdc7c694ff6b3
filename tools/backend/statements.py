"""Statements over many rows, made once for each engine: inserts, and the question "which of these keys are there?".

Core writes the inserts; the driver gets them with plain rows, since for a batch of small rows SQLAlchemy's handling of
each parameter would cost more than the database does. A question has one shape however many keys it is about: they
travel as one value (JSON in SQLite, arrays in PostgreSQL), each is looked up in an index, and the plan stays.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Insert

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Prepared:
    """SQL as the driver takes it, and the order of its values."""

    sql: str
    names: tuple[str, ...]
    by_name: bool

    def values(self, rows: Rows) -> Any:
        """The rows' values, likewise."""
        made = rows if self.by_name else [tuple(map(row.__getitem__, self.names)) for row in rows]
        return made if len(made) > 1 else made[0]


@cache
def insert(is_sqlite: bool, table: Table, names: tuple[str, ...], unless: tuple[str, ...]) -> Prepared:
    """Insert rows with these columns; one that meets another under the columns `unless` changes nothing."""
    made = new(is_sqlite, table)
    return prepared(is_sqlite, made.on_conflict_do_nothing(index_elements=unless) if unless else made, names)


def new(is_sqlite: bool, table: Table) -> Any:
    """Core's insert of this engine."""
    return (sqlite if is_sqlite else postgresql).insert(table).inline()


def prepared(is_sqlite: bool, statement: Insert, names: tuple[str, ...]) -> Prepared:
    """Core's statement for the driver."""
    dialect: Any = sqlite.dialect() if is_sqlite else postgresql.psycopg.dialect()  # type: ignore[no-untyped-call]
    compiled = statement.compile(dialect=dialect, column_keys=list(names))
    return Prepared(str(compiled), tuple(compiled.positiontup or names), not is_sqlite)


@cache
def question(is_sqlite: bool, table: Table, columns: tuple[str, ...], keys: tuple[str, ...], also: str) -> str:
    """Ask for the rows of a table whose `keys` are among those given; with question marks."""
    wanted = ", ".join(f"found.{name}" for name in columns)
    if is_sqlite:
        on = " AND ".join(f"found.{name} = json_extract(asked.value, '$[{at}]')" for at, name in enumerate(keys))
        source = "json_each(?) AS asked"
    else:
        on = " AND ".join(f"found.{name} = asked.{name}" for name in keys)
        types = (("bigint" if isinstance(table.c[name].type, BigInteger) else "text") for name in keys)
        source = f"unnest({', '.join(f'?::{kind}[]' for kind in types)}) AS asked ({', '.join(keys)})"
    join = "CROSS JOIN" if is_sqlite else "JOIN"  # in SQLite: in this order, so that the index is used
    return f"SELECT {wanted} FROM {source} {join} {table.name} AS found ON {on}{also}"


def asked(is_sqlite: bool, keys: Sequence[Sequence[object]]) -> tuple[object, ...]:
    """The keys as that question takes them."""
    return (json.dumps(keys),) if is_sqlite else tuple(map(list, zip(*keys, strict=True)))
