"""Run by Alembic for each command of `migrate`: on its connection, in its transaction."""

from alembic import context

from tools.backend.schema import TABLES

context.configure(
    connection=context.config.attributes["connection"], target_metadata=TABLES, transaction_per_migration=False
)
context.run_migrations()
