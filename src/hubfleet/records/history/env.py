"""How alembic runs this history: on the connection that the store gives it."""

from alembic import context

from hubfleet.records.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite changes a table by making it anew
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
