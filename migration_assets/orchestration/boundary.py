"""The boundary between our code and Dagster's event log.

Whatever an asset raises ends up in the event log with its message and its chain of causes, and messages of
DuckDB, polars, Pandera or ODBC quote values. So nothing passes but our own sentences, without a cause.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dagster import Failure, MetadataValue

from migration_assets.errors import MigrationError

_PACKAGE = Path(__file__).parent.parent


@contextmanager
def errors_without_values() -> Iterator[None]:
    """Turns every exception into a Failure that says what and where, and quotes nothing."""
    try:
        yield
    except MigrationError as error:
        failure = Failure(
            description=str(error), metadata={"code": MetadataValue.text(error.code)}, allow_retries=False
        )
    except Failure:
        raise
    except Exception as error:
        # Not swallowed: it fails the step. Its text may quote a patient's value, so only its type and the
        # lines of ours that it passed through are told.
        failure = Failure(
            description=f"unexpected {type(error).__name__} at {_places(error)}; this is a fault of the program",
            metadata={"code": MetadataValue.text("unexpected")},
            allow_retries=False,
        )
    else:
        return
    # The context manager runs while the original is being handled, so its chain has to be cut explicitly.
    raise failure from None


def _places(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)]
    return (
        ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in ours[-3:]) or "an unknown place"
    )
