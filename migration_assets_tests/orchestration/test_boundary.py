"""What an asset raises reaches the event log without a value, however the exception came about."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from dagster import Failure
from dagster._utils.error import serializable_error_info_from_exc_info

from migration_assets.errors import SourceError
from migration_assets.orchestration.boundary import errors_without_values

CANARY = "Zqx0badf00d"


def _plain() -> None:
    raise ValueError(f"value {CANARY} is no date")


def _with_a_cause() -> None:
    try:
        raise KeyError(CANARY)
    except KeyError as error:
        raise RuntimeError("quotes nothing itself") from error


def _in_a_handler() -> None:
    try:
        raise KeyError(CANARY)
    except KeyError:
        raise RuntimeError("quotes nothing itself")  # noqa: B904  # the implicit context is what is tested


def _ours_with_a_cause() -> None:
    try:
        raise KeyError(CANARY)
    except KeyError as error:
        raise SourceError("practice maple: the source refused; ask its administrator") from error


def _a_group() -> None:
    raise ExceptionGroup(CANARY, [ValueError(CANARY)])


def _with_a_note() -> None:
    error = ValueError("noted")
    error.add_note(CANARY)
    raise error


@pytest.mark.parametrize(
    "raising", [_plain, _with_a_cause, _in_a_handler, _ours_with_a_cause, _a_group, _with_a_note]
)
def test_no_value_reaches_the_failure_its_cause_or_its_context(raising: Callable[[], None]) -> None:
    with pytest.raises(Failure) as caught, errors_without_values("maple"):
        raising()
    failure = caught.value
    assert failure.__traceback__ is not None
    logged = serializable_error_info_from_exc_info((type(failure), failure, failure.__traceback__))
    assert CANARY not in f"{logged.to_string()} {logged!r}"
    assert CANARY not in repr(failure.metadata) + str(failure.description)
    assert (logged.cause, logged.context) == (None, None)
    assert failure.allow_retries is False


def test_an_error_of_ours_keeps_its_sentence_and_its_code() -> None:
    with pytest.raises(Failure) as caught, errors_without_values("maple"):
        _ours_with_a_cause()
    assert caught.value.description == "practice maple: the source refused; ask its administrator"
    assert caught.value.metadata["code"].value == SourceError.code


def test_a_sentence_that_doesn_t_name_the_practice_gets_its_name() -> None:
    with pytest.raises(Failure) as caught, errors_without_values("a"):
        raise SourceError("a table isn't there".removeprefix("a "))
    assert caught.value.description == "practice a: table isn't there"


def test_an_unexpected_exception_shows_its_type_and_no_text() -> None:
    with pytest.raises(Failure) as caught, errors_without_values("maple"):
        _plain()
    assert str(caught.value.description).startswith("practice maple: unexpected ValueError at")
    assert caught.value.metadata["code"].value == "unexpected"


def test_a_failure_passes_as_it_is() -> None:
    with pytest.raises(Failure, match="as it is"), errors_without_values("maple"):
        raise Failure("as it is")


def test_an_interrupt_is_no_error() -> None:
    with pytest.raises(KeyboardInterrupt), errors_without_values("maple"):
        raise KeyboardInterrupt
