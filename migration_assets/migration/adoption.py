"""Who in the destination is one of ours already, by a mapping's rule; and what an upload's file keeps of it.

Pure over frames; nothing here asks a destination or writes there (``adopting`` does). The stored table holds
keys and ids alone; values are for ``side_by_side``, whose frame goes into a private report and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import polars as pl

from migration_assets.destinations.base import FieldSchema, FieldType, ObjectSchema
from migration_assets.mapping.adoption_rule import AdoptionRule
from migration_assets.mapping.spec import ObjectSpec
from migration_assets.migration.upload_file import HOLD_COLUMNS, UPLOAD, holds_table
from migration_assets.practice import Practice
from migration_assets.warehouse import Session

ADOPTIONS, LOOKS = "adoptions", "adoption_looks"
UNDECIDED = "adoption_undecided"
MATCHED, AMBIGUOUS, NO = "matched", "ambiguous", "no"
ADOPTED, APART = "adopted", "apart"

ADOPTION_COLUMNS: dict[str, pl.DataType] = {
    "object": pl.String(),
    "key": pl.String(),
    "destination_id": pl.String(),
    "rule": pl.String(),
    "state": pl.String(),
    "reason": pl.String(),
}
"""Records of ours that weren't in the destination, and who there may be the same: one row for each pair, one
with a null ``destination_id`` where there is nobody (``no``). ``rule`` is the line that found the pair
(``Email + LastName``). ``matched``: one and one. ``ambiguous``: left to a person, for the ``reason`` given.
After a decision a matched pair is ``adopted``, and ours of an ambiguous one becomes a record ``apart``."""

LOOK_COLUMNS: dict[str, pl.DataType] = {"object": pl.String(), "built_at": pl.Datetime("ms", "UTC")}
"""For which payload somebody looked last who is there, by object."""

SEVERAL_OF_THEIRS = "several_of_theirs"
SEVERAL_OF_OURS = "several_of_ours"
LINES_DISAGREE = "lines_disagree"
DIFFERS = "differs"
REASONS = {
    SEVERAL_OF_THEIRS: "several records there are like this one of ours",
    SEVERAL_OF_OURS: "several records of ours are like this one there",
    LINES_DISAGREE: "one line of the rule finds one record there, another line another",
    DIFFERS: "a line of the rule finds the record, but a name or date that would have to agree differs",
}

_THEIRS = "_theirs"
_LEAST_DIGITS, _DIGITS_WITHOUT_COUNTRY = 7, 10
_LETTERS = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}


def folded(field: FieldSchema) -> pl.Expr:
    """The field's values as they are compared, under its name; what says nothing is null.

    Texts without case, accents, blanks and punctuation; e-mails without case and blanks; phones as their last
    ten digits (country code and extension dropped), none where they are fewer than seven or all the same;
    dates as they are.
    """
    values = pl.col(field.name).cast(pl.String)
    read: pl.Expr
    match field.type:
        case FieldType.PHONE:
            numbers = values.str.replace(r"(?i)\s*(x|ext|#).*$", "").str.replace_all(r"\D", "")
            same = numbers.str.strip_chars(numbers.str.head(1)) == ""
            few = numbers.str.len_chars() < _LEAST_DIGITS
            read = pl.when(~few & ~same).then(numbers.str.tail(_DIGITS_WITHOUT_COUNTRY))
        case FieldType.EMAIL:
            read = values.str.to_lowercase().str.replace_all(r"\s", "")
        case FieldType.DATE:
            read = values
        case _:
            plain = values.str.to_lowercase().str.normalize("NFKD")
            letters = plain.str.replace_many(list(_LETTERS), list(_LETTERS.values()))
            read = letters.str.replace_all(r"[^\p{L}\p{N}]", "")
    return read.replace("", None).alias(field.name)


def match(rule: AdoptionRule, schema: ObjectSchema, ours: pl.DataFrame, theirs: pl.DataFrame) -> pl.DataFrame:
    """ADOPTION_COLUMNS of every row of ``ours``, sorted by key and id.

    ``ours``: payload rows that aren't in the destination; ``theirs``: ``_id`` and the rule's fields of those
    there without a key. A pair that ``unless_differs`` speaks against counts only where neither of the two is
    in another one; where all of these fields differ there is no pair.
    """
    pairs = _pairs(rule, schema, ours, theirs)
    clean = pairs.filter(~pl.col("differs"))
    of_nobody_else = (
        pairs.filter(pl.col("differs"))
        .join(clean, on="key", how="anti")
        .join(clean, on="destination_id", how="anti")
    )
    ids = pl.col("destination_id").n_unique().over("key")
    keys = pl.col("key").n_unique().over("destination_id")
    # Of a key with several ids: whether any line alone finds more than one of them.
    by_line = pl.col("destination_id").n_unique().over("key", "line").max().over("key")
    reason = (
        pl.when((ids > 1) & (by_line == 1))
        .then(pl.lit(LINES_DISAGREE))
        .when(ids > 1)
        .then(pl.lit(SEVERAL_OF_THEIRS))
        .when(keys > 1)
        .then(pl.lit(SEVERAL_OF_OURS))
    )
    judged = pl.concat(
        [clean.with_columns(reason=reason), of_nobody_else.with_columns(reason=pl.lit(DIFFERS))]
    )
    found = (
        judged.sort("line")
        .unique(["key", "destination_id"], keep="first", maintain_order=True)
        .with_columns(
            state=pl.when(pl.col("reason").is_null()).then(pl.lit(MATCHED)).otherwise(pl.lit(AMBIGUOUS)),
            rule=pl.col("line").replace_strict(
                dict(enumerate(" + ".join(line) for line in rule.by)), return_dtype=pl.String
            ),
        )
    )
    nobody = ours.select(key=pl.col(schema.key_field)).join(found, on="key", how="anti")
    return (
        pl.concat([found.drop("line", "differs"), nobody.with_columns(state=pl.lit(NO))], how="diagonal")
        .with_columns(object=pl.lit(schema.name))
        .select(pl.col(name).cast(dtype) for name, dtype in ADOPTION_COLUMNS.items())
        .sort("key", "destination_id")
    )


def _pairs(
    rule: AdoptionRule, schema: ObjectSchema, ours: pl.DataFrame, theirs: pl.DataFrame
) -> pl.DataFrame:
    """key, destination_id, line (its place), differs; one row for each line that finds the pair."""
    compared = [folded(schema.field(name)) for name in rule.fields]
    mine = ours.select(pl.col(schema.key_field).alias("key"), *compared)
    other = theirs.select(
        pl.col("_id").alias("destination_id"), *(each.name.suffix(_THEIRS) for each in compared)
    )
    found = [
        mine.join(
            other, left_on=list(line), right_on=[name + _THEIRS for name in line], how="inner", coalesce=False
        ).with_columns(line=pl.lit(place, dtype=pl.Int32))
        for place, line in enumerate(rule.by)
    ]
    against = [
        (pl.col(name) != pl.col(name + _THEIRS)).fill_null(value=False) for name in rule.unless_differs
    ]
    some = pl.any_horizontal(against) if against else pl.lit(value=False)
    every = pl.all_horizontal(against) if against else pl.lit(value=False)
    return pl.concat(found).filter(~every).select("key", "destination_id", "line", differs=some)


def side_by_side(
    table: pl.DataFrame, rule: AdoptionRule, schema: ObjectSchema, ours: pl.DataFrame, theirs: pl.DataFrame
) -> pl.DataFrame:
    """object, key, destination_id, state, rule, reason of the pairs that somebody has to judge, and for each
    field of the rule ``<field>`` (ours) and ``<field> there``, all String."""
    texts = [pl.col(name).cast(pl.String) for name in rule.fields]
    mine = ours.select(pl.col(schema.key_field).alias("key"), *texts)
    other = theirs.select(
        pl.col("_id").alias("destination_id"), *(each.name.suffix(" there") for each in texts)
    )
    both = (text for name in rule.fields for text in (name, f"{name} there"))
    return (
        undecided(table)
        .join(mine, on="key", how="left")
        .join(other, on="destination_id", how="left")
        .select("object", "key", "destination_id", "state", "rule", "reason", *both)
        .sort("state", "key", "destination_id", descending=[True, False, False])
    )


def undecided(table: pl.DataFrame) -> pl.DataFrame:
    """Pairs that wait for a decision."""
    return table.filter(pl.col("state").is_in([MATCHED, AMBIGUOUS]))


def list_hash(table: pl.DataFrame) -> str:
    """SHA-256 of the undecided pairs: what a decision is about."""
    rows = undecided(table).select("object", "key", "destination_id", "state").sort(pl.all()).rows()
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def candidates(table: pl.DataFrame) -> dict[str, str]:
    """Key -> hash of the records there that it is like: what somebody says who sets it apart from them."""
    by_key = table.group_by("key").agg(pl.col("destination_id").sort())
    return {key: hashlib.sha256(json.dumps(ids).encode()).hexdigest() for key, ids in by_key.iter_rows()}


def with_apart(table: pl.DataFrame, apart: Mapping[str, str]) -> pl.DataFrame:
    """The table with those ``apart`` that were set apart from the same records as they are like now."""
    now = candidates(table.filter(pl.col("state") == AMBIGUOUS))
    same = [key for key in now if apart.get(key) == now[key]]
    decided = (pl.col("state") == AMBIGUOUS) & pl.col("key").is_in(same)
    return table.with_columns(state=pl.when(decided).then(pl.lit(APART)).otherwise("state"))


def read(session: Session) -> pl.DataFrame:
    """ADOPTION_COLUMNS of the latest look, without rows where there was none."""
    if not session.has_table(UPLOAD, ADOPTIONS):
        return pl.DataFrame(schema=ADOPTION_COLUMNS)
    return session.read(UPLOAD, ADOPTIONS)


def store(session: Session, spec: ObjectSpec, practice: Practice, table: pl.DataFrame) -> None:
    """Keep what was found of one object, with what the payload's shipment holds back for it."""
    others = read(session).filter(pl.col("object") != spec.name)
    session.replace_table(UPLOAD, ADOPTIONS, pl.concat([others, table]))
    place = holds_table(spec.asset)
    kept = session.read(UPLOAD, place).filter(pl.col("code") != UNDECIDED)
    session.replace_table(UPLOAD, place, pl.concat([kept, holds(session, spec, practice)]))
    looks = _looks(session).filter(pl.col("object") != spec.name)
    look = pl.DataFrame({"object": [spec.name], "built_at": [_built_at(session)]}, schema=LOOK_COLUMNS)
    session.replace_table(UPLOAD, LOOKS, pl.concat([looks, look]))


def holds(session: Session, spec: ObjectSpec, practice: Practice) -> pl.DataFrame:
    """HOLD_COLUMNS: records that may be there already, while nobody has decided, unless the practice would
    rather have them twice."""
    if practice.policies.undecided_adoptions == "create":
        return pl.DataFrame(schema=HOLD_COLUMNS)
    waiting = undecided(read(session)).filter(pl.col("object") == spec.name)
    return (
        waiting.select("key")
        .unique(maintain_order=True)
        .with_columns(
            code=pl.lit(UNDECIDED),
            message=pl.lit(
                "a record that is there already may be the same; look at the report of adoptions and decide "
                "(migration-assets adopt)"
            ),
        )
    )


def is_looked_for(session: Session, spec: ObjectSpec) -> bool:
    """Whether somebody has looked who is there since the payload was built."""
    looks = _looks(session).filter(pl.col("object") == spec.name)
    return _built_at(session) in looks["built_at"].to_list()


def forget_look(session: Session, spec: ObjectSpec) -> None:
    """What was found is so no more: somebody has to look again before anything is uploaded."""
    if session.has_table(UPLOAD, LOOKS):
        session.replace_table(UPLOAD, LOOKS, _looks(session).filter(pl.col("object") != spec.name))


def _looks(session: Session) -> pl.DataFrame:
    if not session.has_table(UPLOAD, LOOKS):
        return pl.DataFrame(schema=LOOK_COLUMNS)
    return session.read(UPLOAD, LOOKS)


def _built_at(session: Session) -> object:
    return session.read(UPLOAD, "build", ["built_at"]).item()
