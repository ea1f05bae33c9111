"""Heads of the audit log as Dagster's event log remembers them: what the log is verified against.

Materialisations and observations of a practice show the head under ``audit_log``. Only the newest of each
asset are read: any one of them finds a tail that was cut before it, or a log made anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dagster import AssetRecordsFilter, DagsterInstance, EventLogRecord, MetadataValue

from migration_assets.errors import ConfigurationError
from migration_assets.migration.audit import AUDIT_LOG, Anchor, parse_anchor

_EACH = 200


def dagster_anchors(practice: str) -> list[Anchor]:
    """Of the instance of DAGSTER_HOME."""
    with DagsterInstance.get() as instance:
        return list(anchors_of(instance, practice))


def anchors_of(instance: DagsterInstance, practice: str) -> Iterator[Anchor]:
    """Each head once; text under the name that isn't a head is passed over."""
    seen: set[tuple[int, str]] = set()
    for where, metadata in _shown(instance, practice):
        value = metadata.get(AUDIT_LOG)
        if value is None:
            continue
        try:
            anchor = parse_anchor(str(value.value), where)
        except ConfigurationError:
            continue
        if (anchor.sequence, anchor.link) not in seen:
            seen.add((anchor.sequence, anchor.link))
            yield anchor


def _shown(instance: DagsterInstance, practice: str) -> Iterator[tuple[str, Mapping[str, MetadataValue]]]:
    for key in instance.get_asset_keys():
        of_practice = AssetRecordsFilter(asset_key=key, asset_partitions=[practice])
        name = key.to_user_string()
        for fetch in (instance.fetch_materializations, instance.fetch_observations):
            for record in fetch(of_practice, limit=_EACH).records:
                metadata = _metadata(record)
                if metadata:
                    yield f"Dagster's run {record.run_id} of {name}", metadata


def _metadata(record: EventLogRecord) -> Mapping[str, MetadataValue]:
    event = record.asset_event
    return {} if event is None else event.metadata
