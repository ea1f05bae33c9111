"""What hangs on records of an org, whoever made it: their child records, and of files versions and places.

The org itself says which objects refer to which (describe's childRelationships). Left out is what it keeps
beside a record by itself: see the constants. Whose a dependent is, is for the engine to tell by its id.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from migration_assets.destinations.base import ObjectSchema
from migration_assets.destinations.removal import DEPENDENT_COLUMNS
from migration_assets.destinations.salesforce.queries import ACTIVITIES, Queries, is_one_of
from migration_assets.destinations.salesforce.session import RequestRefused, SalesforceSession

IDS_A_GET, IDS_A_JOB = 400, 4_000
"""Ids that one query names: an id takes 27 characters of an address, which holds about 16,000, and 22 of a
statement, which ends at 100,000."""
_MOST_BY_GET = 2_400
"""More go by a query job, which takes about 6 requests and counts among the day's query jobs."""

KEPT_BY_THE_ORG = ("History", "Feed", "Share", "ChangeEvent")
"""Ends of the names of objects that the org keeps for each object that people use: who changed which field,
what was said about it, who may see it, and what subscribers are told."""

LEFT_OUT = {
    "AcceptedEventRelation": "EventRelation's records once more, by answer",
    "AIInsightValue": "computed by the org",
    "AIRecordInsight": "computed by the org",
    "DeclinedEventRelation": "EventRelation's records once more, by answer",
    "DuplicateRecordItem": "made by the org's duplicate rules",
    "EntitySubscription": "somebody follows the record",
    "EventWhoRelation": "EventRelation's records once more",
    "FeedComment": "what was said about it goes with what it was said about",
    "FeedItem": "what was said about it goes with what it was said about",
    "FlowRecordRelation": "made by the org's flows",
    "NetworkActivityAudit": "what moderators of a site did",
    "RecentlyViewed": "somebody looked at it",
    "RecordAction": "made by the org's flows",
    "TaskWhoRelation": "TaskRelation's records once more",
    "TopicAssignment": "a label, made by people or by the org",
    "UndecidedEventRelation": "EventRelation's records once more, by answer",
}
"""Objects that refer to records without being anybody's data, each with the reason."""

_DERIVED = {
    **{(name, "AccountId"): "follows from whom or what the activity is about" for name in ACTIVITIES},
    ("EventRelation", "AccountId"): "follows from the event's contact",
    ("TaskRelation", "AccountId"): "follows from the task's contact",
    ("TaskRelation", "TaskId"): "repeats the task's own references",
    ("ContentVersion", "FirstPublishLocationId"): "the file's link tells it",
}
"""References that another one tells already."""

_RELATIONS = {"EventRelation": ("Event", "EventId"), "TaskRelation": ("Task", "TaskId")}
"""Where activities are shared, a record beside each person or thing that an activity is about: it stands for
the activity itself. Only an invitee is somebody's own record."""
_INVITEE = "IsInvitee"
_DIRECT = ("AccountContactRelation", "IsDirect = false")
"""A contact's own account is a relation too, which the org makes."""

_GO_WITH_IT = ACTIVITIES | {"Attachment", "Note"}
_CONTACT_OF_ACCOUNT = ("Contact", "AccountId")
"""Deleted with the record that they are about, or belong to, whatever describe says (Salesforce Help)."""
_VERSION, _LINK, _DOCUMENT = "ContentVersion", "ContentDocumentLink", "ContentDocumentId"
_ONLY_BY_GET = frozenset({_LINK})
_REFUSALS = frozenset({400, 403, 404})

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Child:
    """A reference to an object: the object and field that hold it, and whether the record goes as well."""

    name: str
    field: str
    goes: bool


class Dependents:
    """Looks for dependents in one org."""

    def __init__(self, session: SalesforceSession, queries: Queries) -> None:
        self._session = session
        self._queries = queries
        self._known: dict[str, list[_Child]] = {}

    def of(self, schema: ObjectSchema, record_ids: Collection[str]) -> Iterator[pl.DataFrame]:
        """As ``Destination.dependents``; a frame holds each pair of a record and its dependent once.

        What the org answers nobody about is left out, with a warning in the log.
        """
        ids = list(dict.fromkeys(record_ids))
        of_files = schema.content_field is not None
        children = [] if of_files or not ids else self._children(schema.name)
        if len(ids) > IDS_A_GET:
            children = [each for each in children if self._may_refer(each)]
        for start in range(0, len(ids), IDS_A_JOB):
            part = ids[start : start + IDS_A_JOB]
            if of_files:
                yield self._of_files(schema, part)
                continue
            found = [
                pl.DataFrame(schema=DEPENDENT_COLUMNS),
                *(self._referring(each, part) for each in children),
            ]
            yield (
                pl.concat(found)
                .group_by("_id", "object", "dependent_id", maintain_order=True)
                .agg(pl.col("goes").any())
            )

    def _children(self, name: str) -> list[_Child]:
        if name not in self._known:
            self._known[name] = self._described(name)
        return self._known[name]

    def _may_refer(self, child: _Child) -> bool:
        """False where no record at all holds such a reference, as with most objects of most orgs."""
        try:
            return child.name in _ONLY_BY_GET or self._queries.any(child.name, f"{child.field} != null")
        except RequestRefused as refused:
            if refused.status not in _REFUSALS:
                raise
            return True

    def _described(self, name: str) -> list[_Child]:
        body = self._session.get_json(f"sobjects/{name}/describe")
        objects = {str(each["name"]): each for each in self._session.get_json("sobjects")["sobjects"]}
        children = []
        for each in body.get("childRelationships") or ():
            child, field = str(each["childSObject"]), str(each["field"] or "")
            org = objects.get(child)
            if (
                org is None
                or not org.get("queryable")
                or each.get("deprecatedAndHidden")
                or org.get("associateEntityType") in KEPT_BY_THE_ORG
                or child.endswith(KEPT_BY_THE_ORG)
                or child in LEFT_OUT
                or (child, field) in _DERIVED
                or not field
            ):
                continue
            goes = bool(each["cascadeDelete"]) or child in _GO_WITH_IT
            children.append(_Child(child, field, goes or (child, field) == _CONTACT_OF_ACCOUNT))
        return children

    def _referring(self, child: _Child, ids: Sequence[str]) -> pl.DataFrame:
        columns, condition = ["Id", child.field], None
        relation = _RELATIONS.get(child.name)
        if relation is not None:
            columns = list(dict.fromkeys([*columns, relation[1], *self._invitee(child.name)]))
        elif child.name == _DIRECT[0]:
            condition = _DIRECT[1]
        rows = self._asked(child.name, columns, child.field, ids, condition)
        found = rows.select(
            pl.col(child.field).alias("_id"),
            pl.lit(child.name).alias("object"),
            pl.col("Id").alias("dependent_id"),
            pl.lit(child.goes).alias("goes"),
        )
        if relation is None or (child.name == "EventRelation" and _INVITEE not in columns):
            return found
        activity, field = relation
        invitee = (
            rows[_INVITEE] == "true" if _INVITEE in columns else pl.repeat(False, rows.height, eager=True)
        )
        if child.field == field:
            return found.filter(invitee)
        about = found.filter(~invitee).with_columns(
            pl.lit(activity).alias("object"),
            rows[field].filter(~invitee).alias("dependent_id"),
            pl.lit(False).alias("goes"),
        )
        return pl.concat([found.filter(invitee), about])

    def _invitee(self, name: str) -> list[str]:
        """The field that tells invitees from what the org keeps, where it keeps some."""
        body = self._session.get_json(f"sobjects/{name}/describe")
        return [_INVITEE] if any(each["name"] == _INVITEE for each in body["fields"]) else []

    def _of_files(self, schema: ObjectSchema, ids: Sequence[str]) -> pl.DataFrame:
        """Versions that somebody else made of the documents, and links that neither the login's own uploads
        nor the documents' owners account for."""
        columns = ["Id", _DOCUMENT, "OwnerId", "FirstPublishLocationId"]
        given = self._asked(_VERSION, columns, "Id", ids).rename({"Id": "_id"})
        documents = given[_DOCUMENT].unique(maintain_order=True).to_list()
        versions = self._asked(
            _VERSION, ["Id", _DOCUMENT, "CreatedById", schema.key_field], _DOCUMENT, documents
        )
        ours = (pl.col("CreatedById").str.slice(0, 15) == self._session.user_id()[:15]) & pl.col(
            schema.key_field
        ).is_not_null()
        versions = versions.filter(~pl.col("Id").is_in(given["_id"].implode()) & ~ours)
        links = self._asked(_LINK, ["Id", _DOCUMENT, "LinkedEntityId"], _DOCUMENT, documents)
        further = [
            (versions, _VERSION, pl.lit(True)),
            (
                links,
                _LINK,
                pl.col("LinkedEntityId").ne_missing(pl.col("OwnerId"))
                & pl.col("LinkedEntityId").ne_missing(pl.col("FirstPublishLocationId"))
                & (pl.col("LinkedEntityId").str.slice(0, 15) != self._session.user_id()[:15]),
            ),
        ]
        found = [
            given.join(rows, on=_DOCUMENT, maintain_order="left")
            .filter(condition)
            .select(
                "_id",
                pl.lit(name).alias("object"),
                pl.col("Id").alias("dependent_id"),
                pl.lit(True).alias("goes"),
            )
            for rows, name, condition in further
        ]
        return pl.concat(found)

    def _asked(
        self, name: str, columns: Sequence[str], field: str, ids: Sequence[str], also: str | None = None
    ) -> pl.DataFrame:
        """Records whose field holds one of the ids: by one job where there are many, else by GET."""
        pages = [pl.DataFrame(schema=dict.fromkeys(columns, pl.String))]
        more = f" AND {also}" if also is not None else ""
        if len(ids) > _MOST_BY_GET and name not in _ONLY_BY_GET:
            try:
                return pl.concat([*pages, *self._queries.bulk(name, columns, is_one_of(field, ids) + more)])
            except RequestRefused as refused:
                # A job doesn't serve every object.
                if refused.status not in _REFUSALS:
                    raise
        try:
            for start in range(0, len(ids), IDS_A_GET):
                condition = is_one_of(field, ids[start : start + IDS_A_GET]) + more
                pages += self._queries.rest(name, columns, condition)
        except RequestRefused as refused:
            if refused.status not in _REFUSALS:
                raise
            logger.warning("Salesforce doesn't say which %s refer to records by %s", name, field)
        return pl.concat(pages)
