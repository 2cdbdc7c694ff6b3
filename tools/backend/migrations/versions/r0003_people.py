"""The care organisation's people, their sessions and decisions, and the audit log."""

import sqlalchemy
from alembic import op

from tools.backend.migrations.guards import GUARDS

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add four tables, and what guards the last."""
    text, number, truth = sqlalchemy.Text, sqlalchemy.BigInteger, sqlalchemy.Integer

    def column(name: str, kind: type, key: bool = False) -> sqlalchemy.Column:
        return sqlalchemy.Column(name, kind, nullable=False, primary_key=key)

    op.create_table(
        "person", column("name", text, key=True), column("role", text), column("password", text),
        column("since_s", number), column("active", truth),
    )  # fmt: skip
    op.create_table(
        "session", column("token", text, key=True), column("who", text), column("role", text),
        column("csrf", text), column("since_s", number), column("seen_s", number),
    )  # fmt: skip
    op.create_table(
        "decision", column("subject", text, key=True), column("action", text), column("who", text),
        column("at_s", number),
    )  # fmt: skip
    identity = sqlalchemy.BigInteger().with_variant(sqlalchemy.Integer, "sqlite")
    op.create_table(
        "audit", sqlalchemy.Column("id", identity, primary_key=True, autoincrement=False), column("at_s", number),
        column("who", text), column("action", text), column("subject", text), column("detail", text),
        column("previous", text), column("hash", text),
    )  # fmt: skip
    for statement in GUARDS[op.get_bind().dialect.name]:
        op.execute(statement)
