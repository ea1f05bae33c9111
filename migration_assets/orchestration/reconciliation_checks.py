"""What a reconciliation and an upload show in Dagster: their checks, and counts as a table. How records are
compared isn't known here."""

from collections.abc import Iterator, Mapping

from dagster import AssetCheckResult, AssetCheckSeverity, MetadataValue

from migration_assets.migration.reconcile import Reconciled
from migration_assets.orchestration.common import rows_table

FAILURES = "failures"
RECONCILIATION_CHECKS = {
    "sources_accounted_for": "Per source table: extracted = staged + rejected.",
    "lineage_total": "Every staged row is in a payload or excused by a stated reason.",
    "records_accounted_for": "In scope = loaded + failed + held back; loaded + stale + retained = found.",
    "transport": "What was sent equals what the destination returns, field by field.",
    "meaning": "What the destination returns equals the practice's raw rows, field by field.",
    FAILURES: "The destination refused no record; an error beyond the practice's failure_limit.",
}
_OBJECT_COLUMNS = {
    "object": "string",
    "in_scope": "int",
    "loaded": "int",
    "failed": "int",
    "held_back": "int",
    "in_destination": "int",
    "fields_different": "int",
    "meaning_different": "int",
}


def reconciliation_metadata(reconciled: Reconciled) -> dict[str, MetadataValue | str | int]:
    reconciliation = reconciled.reconciliation
    rows = [
        {
            "object": each.object,
            "fields_different": each.fields_different,
            "meaning_different": each.meaning_different,
            **{
                name: getattr(each.state, name)
                for name in ("in_scope", "loaded", "failed", "held_back", "in_destination")
            },
        }
        for each in reconciliation.objects
    ]
    return {
        "plan_hash": reconciliation.plan_hash,
        "balanced": MetadataValue.bool(reconciliation.balanced),
        "line_breaks_changed": reconciled.line_breaks,
        "objects": rows_table(rows, _OBJECT_COLUMNS),
    }


def failures_check(counted: Mapping[str, tuple[int, int]], limit: float) -> AssetCheckResult:
    """``counted``: object -> records failed and in scope. Passes where none failed; otherwise a warning as
    long as no object's share is larger than ``limit``, and an error beyond."""
    shares = {name: failed / max(scope, failed) for name, (failed, scope) in counted.items() if failed}
    name, worst = max(shares.items(), key=lambda each: each[1], default=("", 0.0))
    failed = sum(failed for failed, _ in counted.values())
    beyond = worst > limit
    said = (
        f"{failed:,} records failed, most of {name}: {worst:.2%} of those in scope, "
        f"{'beyond' if beyond else 'within'} the practice's failure_limit of {limit:.2%}; see the report "
        "for each one's cause and what to do"
    )
    return AssetCheckResult(
        check_name=FAILURES,
        passed=not failed,
        severity=AssetCheckSeverity.ERROR if beyond else AssetCheckSeverity.WARN,
        description=said if failed else None,
        metadata={"failed": failed, "largest_share": worst, "failure_limit": limit},
    )


def reconciliation_checks(reconciled: Reconciled, limit: float) -> Iterator[AssetCheckResult]:
    reconciliation = reconciled.reconciliation
    objects = reconciliation.objects
    transport = sum(each.fields_different for each in objects)
    meaning = sum(each.meaning_different for each in objects)
    accounted = [each.state.scope_balanced and each.state.destination_balanced for each in objects]
    strangers = reconciled.differences["code"].str.starts_with("record_").sum()
    verdicts = {
        "sources_accounted_for": (all(each.balanced for each in reconciliation.sources), {}),
        "lineage_total": (all(each.total for each in reconciliation.lineage), {}),
        "records_accounted_for": (
            all(accounted) and not strangers,
            {"missing_doubled_or_unexpected": int(strangers)},
        ),
        "transport": (
            transport == 0,
            {"compared": sum(each.fields_compared for each in objects), "different": transport},
        ),
        "meaning": (
            meaning == 0,
            {"compared": sum(each.meaning_compared for each in objects), "different": meaning},
        ),
    }
    for name, (passed, metadata) in verdicts.items():
        yield AssetCheckResult(check_name=name, passed=passed, metadata=metadata)
    yield failures_check({each.object: (each.state.failed, each.state.in_scope) for each in objects}, limit)
