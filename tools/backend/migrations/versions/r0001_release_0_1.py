"""Release 0.1: SQLite alone, its tables from a file of SQL. Where it stands there is nothing to do."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Never run: such a database is stamped with this revision, and a new one is made from schema.py."""
