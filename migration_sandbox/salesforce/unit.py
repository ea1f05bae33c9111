"""Several saves that are true together or not at all: composite, graph and tree calls.

Between begin and end the org is locked, its database is in one transaction, and what an undone save appended
to the tables is taken away again: segments are never changed, so the arrays that say which row is current are
all there is to restore. The files of undone segments stay until the org is opened again, unread.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from migration_sandbox.salesforce.org import Org


class Undo(Exception):
    """Raised inside a unit: nothing of it may become true."""


@contextmanager
def all_or_nothing(org: Org) -> Iterator[None]:
    """Swallows Undo, and lets every other error through; both undo."""
    with org.lock:
        kept = {name: table.remember() for name, table in org.tables.items()}
        org.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException as error:
            org.db.execute("ROLLBACK")
            for name, state in kept.items():
                org.tables[name].return_to(state)
            org._visible.clear()
            if not isinstance(error, Undo):
                raise
        else:
            org.db.execute("COMMIT")
