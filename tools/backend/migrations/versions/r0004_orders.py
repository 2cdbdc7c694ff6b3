"""Orders that wait for their hubs."""

import sqlalchemy
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add one table."""
    text, number = sqlalchemy.Text, sqlalchemy.BigInteger
    op.create_table(
        "hub_order",
        sqlalchemy.Column("hub", text, primary_key=True, nullable=False),
        sqlalchemy.Column("number", number, primary_key=True, nullable=False, autoincrement=False),
        sqlalchemy.Column("octets", sqlalchemy.LargeBinary, nullable=False),
        *(sqlalchemy.Column(name, number, nullable=False) for name in ("made_s", "expires_s")),
        *(sqlalchemy.Column(name, text, nullable=False) for name in ("action", "result", "detail")),
    )
