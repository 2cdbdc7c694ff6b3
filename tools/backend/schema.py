"""The store's tables, for every engine: what holds a promise is a constraint here and not a habit of a caller.

A reading's identity is UNIQUE, a capture's (hub, chain, number) is a PRIMARY KEY, an envelope is UNIQUE by hub, hash
and authenticity. Hashes are hex text and truth is 0 or 1, so that both engines hold and sort the same. A change here
is a new revision in migrations/.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

TABLES = MetaData()


def _text(name: str, **more: object) -> Column:
    return Column(name, Text, nullable=False, **more)  # type: ignore[arg-type]


def _number(name: str, **more: object) -> Column:
    return Column(name, BigInteger, nullable=False, **more)  # type: ignore[arg-type]


def _truth(name: str) -> Column:
    return Column(name, Integer, nullable=False)


def _id() -> Column:
    """A number that rises with each row."""
    return Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


_PLACE = ("hub", "chain", "sequence", "position")  # of a reading, as its name has them


def _place() -> tuple[Column, ...]:
    return _text("hub"), _text("chain"), _number("sequence"), _number("position")


HUB = Table(
    "hub", TABLES, Column("hub", Text, primary_key=True), _number("first_seen_s"), _number("last_seen_s"),
    Column("gone_s", BigInteger), _number("repeats", server_default=text("0")),
    _number("refused", server_default=text("0")),
)  # fmt: skip
ENVELOPE = Table(
    "envelope", TABLES, _id(), _text("hub"), _text("hash"), _truth("authentic"),
    Column("octets", LargeBinary, nullable=False), Column("chain", Text), Column("sequence", BigInteger),
    Column("previous", Text), Column("replaces", BigInteger), _text("captures"), _text("status"), _text("reason"),
    _text("detail"), _number("arrived_s"), UniqueConstraint("hub", "hash", "authentic"),
    Index("envelope_by_number", "hub", "chain", "sequence"), Index("envelope_by_status", "status", "hub"),
)  # fmt: skip
CHAIN = Table(
    "chain", TABLES, _text("hub"), _text("chain"), _number("first_seen_s"),
    _number("reported_sequence", server_default=text("0")), _number("reported_capture", server_default=text("0")),
    Column("followed_by", Text), PrimaryKeyConstraint("hub", "chain"),
)  # fmt: skip
READING = Table(
    "reading", TABLES, *_place(), _number("capture"), _text("identity"), _text("device"), _text("kind"),
    _number("time_s"), _number("measured_s"), _truth("possible_repeat"), _text("held"), _number("description"),
    _text("envelope"), _text("content"), _number("arrived_s"), PrimaryKeyConstraint(*_PLACE),
    UniqueConstraint("identity"), Index("reading_by_hub", "hub", "time_s"),
)  # fmt: skip
CAPTURE = Table(
    "capture", TABLES, _text("hub"), _text("chain"), _number("number"), _text("envelope"), _text("digest"),
    PrimaryKeyConstraint("hub", "chain", "number"),
)  # fmt: skip
UNDECODED = Table(
    "undecoded", TABLES, _text("hub"), _text("chain"), _number("capture"), _text("device"), _number("time_s"),
    _text("reason"), _text("envelope"), _text("content"), _number("arrived_s"),
    PrimaryKeyConstraint("hub", "chain", "capture"),
)  # fmt: skip
DESCRIPTION = Table(
    "description", TABLES, _text("hub"), _text("chain"), _number("number"),
    Column("octets", LargeBinary, nullable=False), PrimaryKeyConstraint("hub", "chain", "number"),
)  # fmt: skip
REPEATED = Table("repeated", TABLES, *_place(), _text("of_reading"), PrimaryKeyConstraint(*_PLACE))
HEALTH = Table(
    "health", TABLES, _id(), _text("hub"), _number("arrived_s"), Column("octets", LargeBinary, nullable=False),
    _text("content"), Index("health_by_hub", "hub", "id"),
)  # fmt: skip

# The road to FUT (fut/ledger.py). A row in fut_version says that readings are to be sent at all.
FUT_VERSION = Table("fut_version", TABLES, Column("version", Integer, nullable=False))
FUT_RECEIVED = Table("fut_received", TABLES, *_place(), PrimaryKeyConstraint(*_PLACE))
FUT = Table(
    "fut", TABLES, Column("reading", Text, primary_key=True), _text("hub"), _number("capture"), _text("state"),
    _text("reason"), _text("detail"), Column("body", Text), Column("patient", Text), Column("taken", Text),
    Column("correction_ms", BigInteger), _text("stayed"), Column("attempts", Integer, nullable=False),
    Column("due_s", Double, nullable=False), Column("sent_s", Double), _text("locations"),
    Index("fut_by_state", "state", "due_s"), Index("fut_by_hub", "hub", "state"),
)  # fmt: skip
FUT_EVENT = Table(
    "fut_event", TABLES, _id(), _text("reading"), Column("at_s", Double, nullable=False), _text("event"),
    _text("state"), _text("detail"), Index("fut_event_by_reading", "reading", "id"),
)  # fmt: skip

# The care organisation's people (web/). A session's token is kept as its hash alone.
PERSON = Table(
    "person", TABLES, Column("name", Text, primary_key=True), _text("role"), _text("password"), _number("since_s"),
    _truth("active"),
)  # fmt: skip
SESSION = Table(
    "session", TABLES, Column("token", Text, primary_key=True), _text("who"), _text("role"), _text("csrf"),
    _number("since_s"), _number("seen_s"),
)  # fmt: skip
# What people decided about what was held: an envelope by its hash, a reading by its name.
DECISION = Table(
    "decision", TABLES, Column("subject", Text, primary_key=True), _text("action"), _text("who"), _number("at_s"),
)  # fmt: skip
# Each entry's hash covers the one before; a trigger lets nobody change or remove one (migrations/guards.py).
AUDIT = Table(
    "audit", TABLES, Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    _number("at_s"), _text("who"), _text("action"), _text("subject"), _text("detail"), _text("previous"),
    _text("hash"),
)  # fmt: skip

# Orders that were signed for hubs; `result` is empty until a hub's report tells it.
ORDER = Table(
    "hub_order", TABLES, Column("hub", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False), Column("octets", LargeBinary, nullable=False),
    _number("made_s"), _number("expires_s"), _text("action"), _text("result"), _text("detail"),
)  # fmt: skip
