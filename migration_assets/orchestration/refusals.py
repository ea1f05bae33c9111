"""What everything that sends has in common in Dagster: the check that says whether it may, and an upload's
counts."""

from collections.abc import Callable, Generator
from typing import TypeVar

from dagster import AssetCheckResult

from migration_assets.errors import GateClosed, StagingRefused
from migration_assets.migration.load import UploadSummary
from migration_assets.orchestration.boundary import errors_without_values

MAY_UPLOAD = "may_upload"

_Done = TypeVar("_Done")


def where_allowed(practice: str, work: Callable[[], _Done]) -> Generator[AssetCheckResult, None, _Done]:
    """What the work returns; where it is refused, a failed check says why before the refusal is raised."""
    with errors_without_values(practice):
        try:
            return work()
        except (GateClosed, StagingRefused) as error:
            refusal = error
    yield AssetCheckResult(check_name=MAY_UPLOAD, passed=False, description=str(refusal))
    with errors_without_values(practice):
        raise refusal


def upload_metadata(summary: UploadSummary) -> dict[str, int]:
    return {
        "dagster/row_count": summary.in_scope,
        "sent": summary.sent,
        "created": summary.created,
        "updated": summary.updated,
        "unchanged": summary.unchanged,
        "failed": summary.failed,
        "held_back": summary.held_back,
    }
