"""The rehearsal's scope: which records come with the chosen patients, and never another patient's.

Pure over the payload: whose a record is follows from its references alone. Choosing the patients is
``sampling``'s.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import polars as pl

from migration_assets.destinations.base import Identity, ObjectSchema
from migration_assets.mapping.apply import key as record_key
from migration_assets.mapping.spec import ObjectSpec
from migration_assets.migration.parents import in_waves
from migration_assets.migration.plan import Plan
from migration_assets.migration.sampling import Sample
from migration_assets.migration.upload_file import SCOPE_COLUMNS, SCOPE_SAMPLE

_PATIENTS = "patients"
_NOBODYS, _CHOSEN, _ANOTHERS = 0, 1, 2
_STANDING = {"key": pl.String(), "standing": pl.Int8()}
_OWNED = {"key": pl.String(), "patient": pl.String()}
_NO_KEYS = pl.Series([], dtype=pl.String)


def linking_columns(schema: ObjectSchema) -> tuple[str, ...]:
    """Columns of a payload that tell whose its records are: the key and the references."""
    return (schema.key_field, *(each.name for each in schema.references))


def scope_of(sample: Sample, plan: Plan, payloads: Mapping[str, pl.DataFrame], practice: str) -> pl.DataFrame:
    """SCOPE_COLUMNS of the sample: its patients' records and all that these refer to; see ``scope_keys``."""
    keys = scope_keys(plan, payloads, sample.patients["source_id"], practice=practice)
    parts = [
        pl.DataFrame({"key": of_object}).select(
            pl.lit(name).alias("object"), "key", pl.lit(SCOPE_SAMPLE).alias("why")
        )
        for name, of_object in keys.items()
    ]
    return pl.concat([pl.DataFrame(schema=SCOPE_COLUMNS), *parts])


def scope_keys(
    plan: Plan, payloads: Mapping[str, pl.DataFrame], patients: Collection[str], *, practice: str
) -> dict[str, pl.Series]:
    """By object, keys of the records that are rehearsed with these patients (source ids), in payload order.

    ``payloads``: asset -> the object's whole payload, its ``linking_columns`` at least; ``practice`` is the
    practice's key. A record is a patient's if a reference of it leads to the patient, over other records or
    not. In are chosen patients' records, what these refer to that is no patient's (a provider, an account, a
    file), relations that join only such records, and what ties a person who is in to records of nobody's (a
    dentist's offices).

    Whatever a record refers to is in as well, but for parents that the payload hasn't, and for another
    patient's record in a field that may go without its parent. A record that needs records of a patient who
    isn't chosen is left out.
    """
    inside = _Closure(plan, payloads, set(patients), practice).inside()
    keys = {spec.name: payloads[spec.asset][spec.schema.key_field] for spec in plan.specs}
    return {
        name: of_object.filter(of_object.is_in(inside[name].implode())) for name, of_object in keys.items()
    }


def patients_of(
    plan: Plan, payloads: Mapping[str, pl.DataFrame], *, practice: str
) -> dict[str, pl.DataFrame]:
    """By object ``key`` and ``patient`` (source id) of every record that is a patient's, and of the files
    that are tied to one patient alone.

    As ``scope_keys`` judges it: what must be there decides before what may be absent. A record that refers to
    several patients is listed under the first of its fields' order.
    """
    prefixes = patient_prefixes(plan, practice)
    known = pl.DataFrame(schema=_OWNED)
    found: dict[str, pl.DataFrame] = {}
    for spec in plan.specs:
        schema = plan.schemas[spec.asset]
        rows = payloads[spec.asset].select(pl.col(linking_columns(schema)).cast(pl.String))
        parts = [pl.DataFrame(schema=_OWNED)]
        for wave in in_waves(schema, rows):
            named = _named_patients(spec, schema, wave, prefixes, known)
            owned = pl.DataFrame({"key": wave[schema.key_field], "patient": named}).drop_nulls()
            known = pl.concat([known, owned])
            parts.append(owned)
        found[spec.name] = pl.concat(parts)
    for spec in plan.specs:
        if spec.schema.content_field is not None:
            found[spec.name] = pl.concat([found[spec.name], _tied_files(spec.name, plan, payloads, found)])
    return found


def _named_patients(
    spec: ObjectSpec,
    schema: ObjectSchema,
    rows: pl.DataFrame,
    prefixes: Mapping[str, str],
    known: pl.DataFrame,
) -> pl.Series:
    """The patient of each row: its own key's, else that of the first reference that leads to one."""
    told = [pl.Series([None], dtype=pl.String).new_from_index(0, rows.height)]
    if spec.name in prefixes:
        told.append(named_patient(rows[schema.key_field], prefixes[spec.name]))
    for reference in sorted(schema.references, key=lambda each: each.name in spec.optional_references):
        keys = rows[reference.name]
        told.append(_patient_of(keys, known))
        told += [named_patient(keys, prefixes[name]) for name in reference.targets if name in prefixes]
    owners = pl.DataFrame([each.alias(str(place)) for place, each in enumerate(told)])
    return owners.select(pl.coalesce(pl.all())).to_series()


def patient_prefixes(plan: Plan, practice: str) -> dict[str, str]:
    """Object -> what the keys of its patients begin with."""
    return {
        spec.name: record_key(practice, source.key_space, "")
        for spec in plan.specs
        if spec.schema.identity is not Identity.PARENTS
        for source in spec.sources
        if source.staged == _PATIENTS
    }


def named_patient(keys: pl.Series, prefix: str) -> pl.Series:
    """The patient whose own key it is (it begins with ``prefix``), null where it is another record's."""
    of_patient = pl.col("key").str.starts_with(prefix)
    told = pl.when(of_patient).then(pl.col("key").str.strip_prefix(prefix))
    return pl.DataFrame({"key": keys}).select(told.alias("patient")).to_series()


def _patient_of(keys: pl.Series, known: pl.DataFrame) -> pl.Series:
    """Whose the records are that the keys name."""
    owners = known.unique("key", keep="first", maintain_order=True)
    return pl.DataFrame({"key": keys}).join(owners, on="key", how="left", maintain_order="left")["patient"]


def _tied_files(
    name: str, plan: Plan, payloads: Mapping[str, pl.DataFrame], found: Mapping[str, pl.DataFrame]
) -> pl.DataFrame:
    """Files of nobody's that relations join with records of one patient alone."""
    parts = [pl.DataFrame(schema=_OWNED)]
    for spec in plan.specs:
        if spec.schema.identity is not Identity.PARENTS:
            continue
        for reference in spec.schema.references:
            if name in reference.targets:
                rows = payloads[spec.asset].select(
                    pl.col(spec.schema.key_field).cast(pl.String).alias("key"),
                    pl.col(reference.name).cast(pl.String).alias("file"),
                )
                tied = rows.join(found[spec.name], on="key").select(pl.col("file").alias("key"), "patient")
                parts.append(tied)
    alone = pl.concat(parts).unique().filter(pl.len().over("key") == 1)
    return alone.join(found[name], on="key", how="anti")


class _Closure:
    """Whose each record is (``_standing``: object -> key, standing), and what follows from it."""

    def __init__(
        self, plan: Plan, payloads: Mapping[str, pl.DataFrame], patients: set[str], practice: str
    ) -> None:
        self._specs = plan.specs
        self._prefixes = patient_prefixes(plan, practice)
        self._chosen = {
            name: pl.Series([prefix + patient for patient in patients], dtype=pl.String)
            for name, prefix in self._prefixes.items()
        }
        self._schemas: dict[str, ObjectSchema] = {each.name: each for each in plan.schemas.values()}
        self._rows: dict[str, pl.DataFrame] = {}
        self._standing: dict[str, pl.DataFrame] = {}
        for spec in plan.specs:
            schema = self._schemas[spec.name]
            self._rows[spec.name] = payloads[spec.asset].select(
                pl.col(linking_columns(schema)).cast(pl.String)
            )
            self._standing[spec.name] = pl.DataFrame(schema=_STANDING)
            for wave in in_waves(schema, self._rows[spec.name]):
                judged = wave.select(key=schema.key_field).with_columns(standing=self._judge(spec, wave))
                self._standing[spec.name] = pl.concat([self._standing[spec.name], judged])

    def inside(self) -> dict[str, pl.Series]:
        inside = {name: rows.filter(standing=_CHOSEN)["key"] for name, rows in self._standing.items()}
        before = -1
        while (count := sum(keys.len() for keys in inside.values())) != before:
            before = count
            for spec in reversed(self._specs):
                if spec.schema.identity is Identity.PARENTS:
                    self._take_relations(spec, inside)
                self._take_parents(spec, inside)
        return inside

    def _judge(self, spec: ObjectSpec, rows: pl.DataFrame) -> pl.Series:
        """Whose the rows are: what must be there decides before what may be absent, and another patient's
        before a chosen one's."""
        schema = self._schemas[spec.name]
        standings = {each.name: self._of_keys(each.targets, rows[each.name]) for each in schema.references}
        frame = pl.DataFrame(
            {schema.key_field: rows[schema.key_field], **standings, "_none": [_NOBODYS] * rows.height},
            schema_overrides={"_none": pl.Int8},
        )
        optional = [each for each in standings if each in spec.optional_references]
        needed = [each for each in standings if each not in spec.optional_references]
        by_needed, by_optional = pl.max_horizontal("_none", *needed), pl.max_horizontal("_none", *optional)
        standing = pl.when(by_needed != _NOBODYS).then(by_needed).otherwise(by_optional)
        own = self._as_patients(spec.name, frame[schema.key_field])
        return frame.select(pl.coalesce(own, standing).cast(pl.Int8).alias("standing")).to_series()

    def _as_patients(self, name: str, keys: pl.Series) -> pl.Series:
        """Standing of the patients among these keys, whether or not the payload has them; else null."""
        if name not in self._prefixes:
            return pl.Series([None], dtype=pl.Int8).new_from_index(0, keys.len())
        of_patient = pl.col("key").str.starts_with(self._prefixes[name])
        chosen = pl.col("key").is_in(self._chosen[name].implode())
        standing = pl.when(chosen).then(_CHOSEN).when(of_patient).then(_ANOTHERS).cast(pl.Int8)
        return pl.DataFrame({"key": keys}).select(standing.alias("standing")).to_series()

    def _of_keys(self, targets: tuple[str, ...], keys: pl.Series) -> pl.Series:
        """Standing of the records that the keys name; nobody's where there is none."""
        there = [pl.DataFrame(schema=_STANDING)]
        there += [self._standing[name] for name in targets if name in self._standing]
        found = pl.DataFrame({"key": keys}).join(
            pl.concat(there), on="key", how="left", maintain_order="left"
        )
        absent = [self._as_patients(name, keys) for name in targets]
        return found.select(pl.coalesce("standing", *absent, pl.lit(_NOBODYS, pl.Int8))).to_series()

    def _take_parents(self, spec: ObjectSpec, inside: dict[str, pl.Series]) -> None:
        """Adds nobody's records that records inside refer to."""
        schema = self._schemas[spec.name]
        rows = self._rows[spec.name]
        rows = rows.filter(pl.col(schema.key_field).is_in(inside[spec.name].implode()))
        for reference in schema.references:
            for name in reference.targets:
                if name in inside:
                    named = self._nobodys(name, rows[reference.name])
                    inside[name] = pl.concat([inside[name], named]).unique()

    def _take_relations(self, spec: ObjectSpec, inside: dict[str, pl.Series]) -> None:
        """Adds nobody's relations of records inside, and those of a person inside to nobody's records."""
        schema = self._schemas[spec.name]
        rows = self._rows[spec.name]
        rows = rows.filter(
            pl.col(schema.key_field).is_in(self._nobodys(spec.name, rows[schema.key_field]).implode())
        )
        joined = [schema.field(name) for name in schema.joins]
        all_in, all_there, a_person = pl.lit(True), pl.lit(True), pl.lit(False)
        for reference in joined:
            value = pl.col(reference.name)
            targets = [name for name in reference.targets if name in inside]
            within = pl.concat([_NO_KEYS, *(inside[name] for name in targets)])
            there = pl.concat([_NO_KEYS, *(self._standing[name]["key"] for name in targets)])
            people = [inside[name] for name in targets if name in self._prefixes]
            all_in &= value.is_in(within.implode())
            all_there &= value.is_in(there.implode())
            a_person |= value.is_in(pl.concat([_NO_KEYS, *people]).implode())
        taken = rows.filter(all_in | (all_there & a_person))[schema.key_field]
        inside[spec.name] = pl.concat([inside[spec.name], taken]).unique()

    def _nobodys(self, name: str, keys: pl.Series) -> pl.Series:
        standing = self._standing[name]
        return standing.filter((pl.col("standing") == _NOBODYS) & pl.col("key").is_in(keys.implode()))["key"]
