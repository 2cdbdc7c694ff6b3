"""One schema on both engines: the road to FUT has its tables in every store; Alembic counts the versions."""

import sqlalchemy
from alembic import op

revision = "0002"
down_revision = "0001"

# As release 0.1 made them when it first sent something on; only SQLite knew that release.
_FUT = """
CREATE TABLE fut_version (version INTEGER NOT NULL);
CREATE TABLE fut_received (
  hub TEXT NOT NULL, chain TEXT NOT NULL, sequence INTEGER NOT NULL, position INTEGER NOT NULL,
  PRIMARY KEY (hub, chain, sequence, position)
);
CREATE TABLE fut (
  reading TEXT PRIMARY KEY, hub TEXT NOT NULL, capture INTEGER NOT NULL, state TEXT NOT NULL,
  reason TEXT NOT NULL, detail TEXT NOT NULL, body TEXT, patient TEXT, taken TEXT, correction_ms INTEGER,
  stayed TEXT NOT NULL, attempts INTEGER NOT NULL, due_s REAL NOT NULL, sent_s REAL, locations TEXT NOT NULL
);
CREATE INDEX fut_by_state ON fut (state, due_s);
CREATE INDEX fut_by_hub ON fut (hub, state);
CREATE TABLE fut_event (
  id INTEGER PRIMARY KEY, reading TEXT NOT NULL, at_s REAL NOT NULL, event TEXT NOT NULL, state TEXT NOT NULL,
  detail TEXT NOT NULL
);
CREATE INDEX fut_event_by_reading ON fut_event (reading, id);
"""


def upgrade() -> None:
    """Add what a store that never sent to FUT lacks."""
    if "fut_version" not in sqlalchemy.inspect(op.get_bind()).get_table_names():
        for statement in _FUT.split(";")[:-1]:
            op.execute(statement)
    op.drop_table("schema_version")
