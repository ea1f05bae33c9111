"""The boundary between our code and Dagster's event log.

Whatever an asset raises ends up in the event log with its message and its chain of causes, and messages of
DuckDB, polars, Pandera or ODBC quote values. So nothing passes but our own sentences, without a cause.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dagster import Failure, MetadataValue

from migration_assets.errors import MigrationError

_PACKAGE = Path(__file__).parent.parent


@contextmanager
def errors_without_values(practice: str) -> Iterator[None]:
    """Turns every exception into a Failure that names the practice and the place, and quotes nothing."""
    try:
        yield
    except MigrationError as error:
        failure = Failure(
            description=sentence_of(practice, error),
            metadata={"code": MetadataValue.text(error.code)},
            allow_retries=False,
        )
    except Failure:
        raise
    except Exception as error:
        # Not swallowed: it fails the step. Its text may quote a patient's value, so only its type and the
        # lines of ours that it passed through are told.
        failure = Failure(
            description=sentence_of(practice, error),
            metadata={"code": MetadataValue.text("unexpected")},
            allow_retries=False,
        )
    else:
        return
    # The context manager runs while the original is being handled, so its chain has to be cut explicitly.
    raise failure from None


def sentence_of(practice: str, error: Exception) -> str:
    """What may be told of an exception: our own error's sentence, of another its type and where it passed."""
    if isinstance(error, MigrationError):
        return _naming(practice, error)
    return (
        f"practice {practice}: unexpected {type(error).__name__} at {_places(error)}; "
        "this is a fault of the program: report these places"
    )


def _naming(practice: str, error: MigrationError) -> str:
    """The error's sentence, with the practice in front where it doesn't name it itself."""
    message = str(error)
    named = re.search(rf"\b{re.escape(practice)}\b", message)
    return message if named else f"practice {practice}: {message}"


def _places(error: BaseException) -> str:
    """The last lines of ours that the exception passed through, such as ``objects/patients.py:212``."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [
        f"{Path(frame.filename).relative_to(_PACKAGE)}:{frame.lineno}"
        for frame in frames
        if Path(frame.filename).is_relative_to(_PACKAGE)
    ]
    return ", ".join(list(dict.fromkeys(ours))[-3:]) or "an unknown place"
