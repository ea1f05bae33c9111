"""Reads the destination back, compares twice, checks the three equations, and says what it found.

Reads scopes and ledgers, writes no scope and sends nothing. What records look like on paper is for
``reports``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal, cast

import polars as pl

from migration_assets.destinations.base import Destination, ObjectSchema, ReadRequest, payload_dtype
from migration_assets.mapping.spec import ObjectSpec
from migration_assets.migration import meaning, transport
from migration_assets.migration.conflict_store import ConflictStore, Standing, kept_fields
from migration_assets.migration.conflicts import CRM, OPEN, SOURCE, WHOLE_RECORD
from migration_assets.migration.copied_source import copied_practice
from migration_assets.migration.ledger import Ledger, Outcome, Presence
from migration_assets.migration.load import Shipment
from migration_assets.migration.meaning import ObjectMeaning
from migration_assets.migration.owners import STAFF, read_staff
from migration_assets.migration.parents import PAYLOAD_HASH, without_absent
from migration_assets.migration.payload import (
    read_build,
    read_copied_verdicts,
    read_shipment,
    read_uploads,
    staged_names,
)
from migration_assets.migration.plan import Plan
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.migration.reconciliation import (
    Failure,
    HeldBack,
    LineageCounts,
    NotInScope,
    ObjectReconciliation,
    Reconciliation,
    Reject,
    RunCounts,
    SourceCounts,
    StateCounts,
)
from migration_assets.migration.transport import DIFFERENCE_COLUMNS
from migration_assets.migration.upload_file import READBACK, UPLOAD, payload_table
from migration_assets.migration.upload_file import SOURCE as COPIED
from migration_assets.objects.registry import STAGED_OBJECTS
from migration_assets.panda.profile import Profile
from migration_assets.practice import Practice
from migration_assets.warehouse import Session, Warehouse, quoted

PARENT_NOT_STAGED = "parent_not_staged"


@dataclass(frozen=True)
class Reconciled:
    """The reconciliation and, for reports that stay under data/, every difference with its values."""

    reconciliation: Reconciliation
    differences: pl.DataFrame
    line_breaks: int

    def as_json(self) -> bytes:
        """The text of reconciliation.json, the same that the audit log has the hash of."""
        return self._json

    @cached_property
    def _json(self) -> bytes:
        return self.reconciliation.as_json()


@dataclass(frozen=True)
class Reconciler:
    """Reconciles one target; everything it reads of the source stands in the upload's own file.

    ``options`` are what the destination's environment chooses (``mapping.declarations.CHOICES``).
    """

    practice: Practice
    profile: Profile
    plan: Plan
    destination: Destination
    ledger: Ledger
    run_id: str
    options: Mapping[str, str] = field(default_factory=dict)

    def reconcile(self, warehouse: Warehouse) -> Reconciled:
        with warehouse.open() as session:
            for spec in self.plan.specs:
                self._read_back(session, spec)
            raw = copied_practice(session, self.practice, self.profile, self.options)
            meanings = meaning.load_meanings(self.ledger.target.destination)
            conflicts = ConflictStore.of(self.ledger).standing()
            kept = kept_fields(conflicts)
            parts = [
                self._object(session, spec, raw, meanings.get(spec.name, ()), kept)
                for spec in self.plan.specs
            ]
            differences = pl.concat(
                [pl.DataFrame(schema=DIFFERENCE_COLUMNS), *(part.found for part in parts)]
            )
            session.replace_table(UPLOAD, "differences", differences)
            counts = [part.counts for part in parts]
            reconciliation = self._assemble(session, counts, differences, conflicts)
        return Reconciled(reconciliation, differences, sum(part.line_breaks for part in parts))

    def _read_back(self, session: Session, spec: ObjectSpec) -> None:
        """Store what the destination holds of the practice, and correct the ledger's idea of it."""
        schema = self.plan.schemas[spec.asset]
        request = ReadRequest(schema, key_prefix=f"{self.practice.key}:")
        with session.transaction():
            session.replace_table(READBACK, spec.asset, _empty_readback(schema))
            for page in self.destination.read(request):
                session.append(READBACK, spec.asset, page)
        found = set(session.read(READBACK, spec.asset, [schema.key_field])[schema.key_field])
        state = self.ledger.state(schema)
        wrong: dict[str, Presence] = {}
        for key, present in state.select("key", "present").iter_rows():
            if present != (key in found):
                wrong[key] = Presence.FOUND if key in found else Presence.ABSENT
        self.ledger.observe(schema, wrong, self.run_id)

    def _object(
        self,
        session: Session,
        spec: ObjectSpec,
        raw: RawPractice,
        declared: Sequence[ObjectMeaning],
        kept: pl.DataFrame,
    ) -> _ObjectPart:
        """``kept``: fields that hold what somebody entered there, by the practice's choice."""
        shipment = read_shipment(session, spec, self.plan)
        schema = shipment.schema
        key = schema.key_field
        returned = session.read(READBACK, spec.asset)
        state = self.ledger.state(schema)
        loaded = state.filter(pl.col("outcome") == Outcome.LOADED)
        sent = self._as_sent(shipment).join(
            loaded, left_on=[key, PAYLOAD_HASH], right_on=["key", "payload_hash"], how="semi"
        )
        by_transport = transport.compare(schema, sent, returned, state["key"]).without(kept)
        # A stale record shows an older state of the source on purpose; it is reported as stale.
        current = returned.join(sent, on=key, how="semi")
        by_meaning = meaning.compare(declared, spec.name, key, current, raw).without(kept)
        built = session.read(UPLOAD, payload_table(spec.asset), [key])[key]
        lost = meaning.missing(declared, spec.name, key, built, raw, self._field_names())
        counts = ObjectReconciliation(
            object=spec.name,
            this_run=_run_counts(session, spec.name),
            state=_state_counts(shipment.payload[key], state, returned[key]),
            fields_compared=by_transport.compared,
            fields_different=by_transport.different,
            meaning_compared=by_meaning.compared,
            meaning_different=by_meaning.different + lost.height,
            fill_rates=_fill_rates(returned, schema),
        )
        found = pl.concat([by_transport.differences, by_meaning.differences, lost])
        return _ObjectPart(counts, found, by_transport.line_breaks + by_meaning.line_breaks)

    def _field_names(self) -> set[str]:
        return {name for schema in self.plan.schemas.values() for name in schema.field_names}

    def _as_sent(self, shipment: Shipment) -> pl.DataFrame:
        """The payload in each form that may have been sent: one more where a reference had to stay empty."""
        if not shipment.optional:
            return shipment.payload
        schema, payload = shipment.schema, shipment.payload
        emptied = without_absent(schema, shipment.optional, payload, self._present)
        return pl.concat([payload, emptied]).unique([schema.key_field, PAYLOAD_HASH], maintain_order=True)

    def _present(self, object_name: str) -> pl.Series:
        state = self.ledger.state(self.plan.schema_of_object(object_name))
        return state.filter(pl.col("present"))["key"]

    def _assemble(
        self,
        session: Session,
        objects: list[ObjectReconciliation],
        differences: pl.DataFrame,
        conflicts: Sequence[Standing],
    ) -> Reconciliation:
        built = read_build(session)
        sources = _sources(session, self.plan)
        lineage = [*_lineage(session, self.plan), *_staff(session)]
        not_loaded = list(self._not_loaded(session))
        balanced = (
            all(each.balanced for each in sources)
            and all(each.total for each in lineage)
            and all(each.state.scope_balanced and each.state.destination_balanced for each in objects)
            # One record lost and another doubled leave every count right.
            and not differences["code"].str.starts_with("record_").any()
        )
        return Reconciliation(
            practice=self.practice.key,
            destination=self.ledger.target.destination,
            environment=cast(Literal["rehearsal", "live"], self.ledger.target.environment),
            scope=cast(Literal["all", "sample", "delta", "retry"], built.scope),
            run_id=self.run_id,
            plan_hash=self.plan.hash,
            finished_at=datetime.now(UTC),
            balanced=balanced,
            sources=sources,
            not_in_scope=[
                NotInScope(table=row["table"], rows=row["rows"])
                for row in session.read(COPIED, "not_in_scope").iter_rows(named=True)
            ],
            lineage=lineage,
            objects=objects,
            rejects=_listed(session, "rejects", _own_objects(session, self.plan)),
            corrections=[
                *_listed(session, "corrections", _own_objects(session, self.plan)),
                *_left_empty(session),
            ],
            held_back=[HeldBack(**row) for outcome, row in not_loaded if outcome == Outcome.HELD_BACK],
            failures=[Failure(**row) for outcome, row in not_loaded if outcome != Outcome.HELD_BACK],
            conflicts=[_conflict(each) for each in conflicts],
        )

    def _not_loaded(self, session: Session) -> Iterator[tuple[str, dict[str, str]]]:
        """Outcome and record of what is in scope and whose last sending didn't end well, by object."""
        for spec in self.plan.specs:
            schema = self.plan.schemas[spec.asset]
            state = self.ledger.state(schema).filter(pl.col("outcome") != Outcome.LOADED)
            if state.is_empty():
                continue
            payload = read_shipment(session, spec, self.plan).payload
            in_scope = payload.select(pl.col(schema.key_field).alias("key"))
            for row in state.join(in_scope, on="key", how="semi").iter_rows(named=True):
                yield (
                    row["outcome"],
                    {
                        "object": spec.name,
                        "key": row["key"],
                        "code": row["code"] or row["outcome"],
                        "message": row["message"]
                        or "the destination didn't process the record; upload again",
                    },
                )


@dataclass(frozen=True)
class _ObjectPart:
    counts: ObjectReconciliation
    found: pl.DataFrame
    line_breaks: int


def _conflict(each: Standing) -> HeldBack:
    """Without either value."""
    place = "the record" if each.conflict.field == WHOLE_RECORD else f"the field {each.conflict.field}"
    message = {
        OPEN: f"{place} was changed in the destination since it was loaded; it stays until somebody decides",
        CRM: f"{place} was changed in the destination since it was loaded, and stays",
        SOURCE: f"{place} was changed in the destination since it was loaded, and is the source's again",
    }[each.resolution]
    return HeldBack(
        object=each.object, key=each.conflict.key, code=f"conflict_{each.resolution}", message=message
    )


def _empty_readback(schema: ObjectSchema) -> pl.DataFrame:
    columns: dict[str, pl.DataType] = {"_id": pl.String(), "_modified_at": pl.Datetime("ms", "UTC")}
    return pl.DataFrame(schema=columns | {each.name: payload_dtype(each) for each in schema.returned_fields})


def _run_counts(session: Session, object_name: str) -> RunCounts:
    rows = read_uploads(session).filter(pl.col("object") == object_name)
    if rows.is_empty():
        return RunCounts(in_scope=0, sent=0, created=0, updated=0, unchanged=0, failed=0, held_back=0)
    return RunCounts(**{name: rows[name].item() for name in RunCounts.model_fields})


def _state_counts(in_scope: pl.Series, state: pl.DataFrame, found: pl.Series) -> StateCounts:
    """Counts from the ledger's state of the object and the keys that were read back."""
    scoped = state.join(pl.DataFrame({"key": in_scope}), on="key", how="semi")
    outcome = pl.col("outcome")
    not_loaded = scoped.filter(outcome != Outcome.LOADED)
    gone = state.join(pl.DataFrame({"key": in_scope}), on="key", how="anti")
    return StateCounts(
        in_scope=in_scope.len(),
        loaded=scoped.filter(outcome == Outcome.LOADED).height,
        failed=scoped.filter(outcome.is_in([Outcome.FAILED, Outcome.NOT_SENT])).height,
        held_back=scoped.filter(outcome == Outcome.HELD_BACK).height,
        stale=not_loaded.filter(pl.col("present")).height,
        retained=gone.filter(pl.col("present")).height,
        in_destination=found.len(),
    )


def _fill_rates(returned: pl.DataFrame, schema: ObjectSchema) -> dict[str, float]:
    """Share of records with a value, by field, of what the destination holds."""
    if returned.is_empty():
        return {}
    return {
        each.name: round(1 - returned[each.name].null_count() / returned.height, 4)
        for each in schema.returned_fields
    }


def _sources(session: Session, plan: Plan) -> list[SourceCounts]:
    """Of every source table; rows of derived objects are rows of no source."""
    return [
        SourceCounts(
            table=verdict.source_table,
            extracted=verdict.extracted,
            staged=verdict.staged,
            rejected=verdict.rejected,
            corrected=verdict.corrected,
        )
        for verdict in read_copied_verdicts(session, _own_objects(session, plan))
    ]


def _own_objects(session: Session, plan: Plan) -> list[str]:
    """Staged objects whose rows are a source table's own: those of the mapping, and the staff, who become no
    records."""
    derived = {each.name for each in STAGED_OBJECTS if each.derived}
    named = staged_names(plan.mapping)
    if STAFF in session.read(COPIED, "verdicts", ["object"])["object"]:
        named.append(STAFF)
    return [name for name in named if name not in derived]


def _staff(session: Session) -> list[LineageCounts]:
    """What became of the staff's logins, which no payload holds."""
    outcomes = read_staff(session)["outcome"]
    if outcomes.is_empty():
        return []
    counts = outcomes.value_counts().sort("outcome")
    return [
        LineageCounts(
            object="User",
            source_table="StaffUser",
            staged=outcomes.len(),
            with_payload=0,
            excused=dict(counts.iter_rows()),
        )
    ]


def _lineage(session: Session, plan: Plan) -> list[LineageCounts]:
    """Per object and source table: every staged row is in a payload that is there, or has a reason."""
    records = " UNION ALL ".join(
        f"SELECT '{spec.name}' AS object, {quoted(spec.schema.key_field)} AS key "
        f"FROM {UPLOAD}.{quoted(payload_table(spec.asset))}"
        for spec in plan.specs
    )
    counts = session.sql(
        f"""
        WITH kept AS (SELECT * FROM {UPLOAD}.lineage SEMI JOIN ({records}) USING (object, key))
        SELECT rows.object, rows.source_table, rows.staged,
               (SELECT count(DISTINCT kept.source_id) FROM kept
                WHERE list_contains(rows.accounted_by, kept.object)
                  AND kept.source_table = rows.source_table) AS with_payload
        FROM {UPLOAD}.staged_rows AS rows ORDER BY ALL
        """
    )
    reasons = session.sql(
        f"SELECT object, source_table, reason, count(*) AS n FROM {UPLOAD}.excused GROUP BY ALL ORDER BY ALL"
    )
    return [
        LineageCounts(
            **row,
            excused={
                found["reason"]: found["n"]
                for found in reasons.iter_rows(named=True)
                if (found["object"], found["source_table"]) == (row["object"], row["source_table"])
            },
        )
        for row in counts.iter_rows(named=True)
    ]


def _listed(session: Session, table: str, staged: list[str]) -> list[Reject]:
    """Rejects or corrections of the staged objects of this mapping, without values."""
    rows = session.read(COPIED, table).filter(pl.col("object").is_in(staged))
    return [
        Reject(
            table=row["source_table"],
            source_key=row["source_key"],
            column=row["column"],
            code=row["code"],
            message=row["message"],
        )
        for row in rows.sort("source_table", "source_key", "column").iter_rows(named=True)
    ]


def _left_empty(session: Session) -> list[Reject]:
    """References that were left empty, listed with the values that staging changed; one a source cell."""
    rows = session.read(UPLOAD, "left_empty").drop("object").unique()
    return [
        Reject(
            table=row["source_table"],
            source_key=row["source_id"],
            column=row["column"],
            code=PARENT_NOT_STAGED,
            message="the record that it refers to is missing or was rejected; the reference is left empty",
        )
        for row in rows.sort("source_table", "source_id", "column").iter_rows(named=True)
    ]
