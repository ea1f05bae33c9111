"""What one field must show, from the raw row that its record mirrors; ``merged_meaning`` has those of others.

A part of the comparison of meaning: no code of objects/ and mapping/ is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import polars as pl

from migration_assets.migration import raw_files, raw_households, raw_referrers
from migration_assets.migration.declared_meaning import (
    AccountMeaning,
    ColumnMeaning,
    DentistMeaning,
    FieldMeaning,
    FirstMeaning,
    FoundMeaning,
    HouseholdMeaning,
    KindMeaning,
    PartsMeaning,
    PersonMeaning,
    RowMeaning,
    ToothMeaning,
)
from migration_assets.migration.raw_chart import universal_tooth
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.migration.raw_reader import JUDGED_HERE, read

RAW, EXPECTED = "_raw", "expected"
_PATIENTS = ("Patient", "PatientID")


def expected_cells(table: str, key: str, declared: RowMeaning, raw: RawPractice) -> pl.DataFrame:
    """``_raw``, what a record's key ends in, and ``expected``, for each raw row of the table in its order."""
    match declared:
        case PartsMeaning():
            texts = [
                expected_cells(table, key, part, raw)[EXPECTED].cast(pl.String) for part in declared.parts
            ]
            literals = [pl.lit(text) for text in texts]
            joined = pl.concat_str(literals, separator=declared.joined, ignore_nulls=True)
            text = _cut(pl.select(joined).to_series().replace("", None), declared.at_most)
            value = text if declared.otherwise is None else text.fill_null(declared.otherwise)
        case FirstMeaning():
            columns = [expected_cells(table, key, each, raw)[EXPECTED] for each in declared.first_of]
            value = pl.select(pl.coalesce(pl.lit(column) for column in columns)).to_series()
        case ToothMeaning():
            value = _teeth(table, declared, raw)
        case DentistMeaning():
            value = _dentists(table, key, declared, raw)
        case FoundMeaning():
            value = _found(table, declared, raw)
        case KindMeaning():
            value = _kinds(table, key, declared, raw)
        case ColumnMeaning():
            cells = pl.DataFrame([raw.keys(table, key).alias(RAW), _expected(table, declared, raw)])
            return _corrected(cells, table, declared, raw)
    return pl.DataFrame([raw.keys(table, key).alias(RAW), value.alias(EXPECTED)])


def expected_of_people(fields: Mapping[str, FieldMeaning], raw: RawPractice) -> dict[str, pl.DataFrame]:
    """By field with a PersonMeaning ``_raw`` and ``expected``, a row each person."""
    wanted = {field: each for field, each in fields.items() if isinstance(each, PersonMeaning)}
    if not wanted:
        return {}
    people = raw_referrers.people(raw)
    told = {
        field: people[each.person]
        if each.read_as is None
        else read(people[each.person], each.read_as, raw.zone)
        for field, each in wanted.items()
    }
    return {
        field: pl.DataFrame([people["record"].alias(RAW), value.alias(EXPECTED)])
        for field, value in told.items()
    }


def expected_of_households(fields: Mapping[str, FieldMeaning], raw: RawPractice) -> dict[str, pl.DataFrame]:
    """By field with a HouseholdMeaning ``_raw`` and ``expected``, a row each household."""
    told = households(raw).select(pl.col("record").alias(RAW), "name").unique()
    return {
        field: told.select(RAW, pl.col(declared.household).alias(EXPECTED))
        for field, declared in fields.items()
        if isinstance(declared, HouseholdMeaning)
    }


def beside_account(
    there: pl.DataFrame, table: str, key: str, declared: AccountMeaning, raw: RawPractice
) -> pl.DataFrame:
    """``there`` (``_raw``, the table's key, and more) with ``expected``, the key of the Account that the
    practice chose."""
    match declared.account[raw.policies.accounts]:
        case "practice":
            return there.with_columns(pl.lit(f"{raw.practice}:practice:{raw.practice}").alias(EXPECTED))
        case "household":
            told = households(raw).select(
                pl.col("patient").alias(RAW),
                (f"{raw.practice}:household:" + pl.col("record")).alias(EXPECTED),
            )
            if declared.of is None:
                return there.join(told, on=RAW, how="left")
            patients = pl.DataFrame(
                [raw.keys(table, key).alias(RAW), raw.keys(table, declared.of).alias("_of")]
            )
            of_row = patients.join(told, left_on="_of", right_on=RAW, how="left").unique(RAW, keep="first")
            return there.join(of_row.select(RAW, EXPECTED), on=RAW, how="left")
        case None:
            return there.with_columns(pl.lit(None, pl.String).alias(EXPECTED))


def households(raw: RawPractice) -> pl.DataFrame:
    """As ``raw_households`` tells them of the staged patients; no row where the practice wants none."""
    if raw.policies.accounts != "household":
        return pl.DataFrame(schema=raw_households.TOLD)
    table, key = _PATIENTS
    texts = [_corrected_text(table, column, raw).alias(column) for column in raw_households.COLUMNS]
    born = ColumnMeaning.model_validate({"column": "DateOfBirth", "as": "date"})
    patients = pl.DataFrame(
        [
            raw.keys(table, key).alias("patient"),
            expected_cells(table, key, born, raw)[EXPECTED].alias("DateOfBirth"),
            *texts,
        ]
    ).filter(is_staged(table, raw))
    return raw_households.households(patients, raw.minted.get("households", {}))


def is_staged(table: str, raw: RawPractice) -> pl.Series:
    """Of each raw row whether staging kept it; the key of one that stood twice ends in ``#`` and a number.

    A rejection for a reason that lies in the row's file counts only where the file gives that reason.
    """
    keys = raw.keys(table, raw.profile.table(table).key)
    rejects = raw.rejects.filter(pl.col("source_table") == table).select(
        pl.col("source_key").str.replace(r"#\d+$", ""), "code"
    )
    by_file = pl.col("code").is_in(raw_files.BY_FILE).fill_null(value=False)
    rejected = rejects.filter(~by_file)["source_key"]
    if rejects.select(by_file.any()).item():
        given = pl.DataFrame({"source_key": keys, "code": raw_files.contents(table, raw)["problem"]})
        told = rejects.join(given, on=["source_key", "code"], how="semi")["source_key"]
        rejected = pl.concat([rejected, told])
    return ~keys.is_in(rejected.implode()).fill_null(value=True)


def staged_keys(table: str, raw: RawPractice) -> pl.Series:
    return raw.keys(table, raw.profile.table(table).key).filter(is_staged(table, raw))


def _expected(table: str, declared: ColumnMeaning, raw: RawPractice) -> pl.Series:
    value = read(raw.column(table, declared.column), declared.read_as, raw.zone)
    if declared.read_as == "reference":
        if declared.of is not None:
            known = value.is_in(staged_keys(declared.of, raw).implode())
            value = value.set(~known.fill_null(value=True), None)
        keys = f"{raw.practice}:{declared.key_space}:" + value.replace("", None)
        own = f"{raw.practice}:practice:{raw.practice}"
        return (keys.fill_null(own) if declared.or_practice else keys).alias(EXPECTED)
    if declared.and_column is not None:
        second = _corrected_text(table, declared.and_column, raw)
        first = _corrected_text(table, declared.column, raw)
        both = pl.concat_str([pl.lit(first), pl.lit(second)], separator="\n", ignore_nulls=True)
        return pl.select(both.alias(EXPECTED)).to_series().replace("", None)
    if declared.plus is not None:
        minutes = read(raw.column(table, declared.plus), "minutes", raw.zone).fill_null(0)
        value = value + pl.select(pl.duration(minutes=pl.lit(minutes), time_unit="ms")).to_series()
    value = _cut(value, declared.at_most)
    if declared.otherwise is not None:
        is_sum = value.dtype.is_decimal()
        value = value.fill_null(Decimal(declared.otherwise) if is_sum else declared.otherwise)
    return value.alias(EXPECTED)


def _cut(texts: pl.Series, at_most: int | None) -> pl.Series:
    if at_most is None:
        return texts
    shortened = [f"{text[: at_most - 1]}…" if text and len(text) > at_most else text for text in texts]
    return pl.Series(texts.name, shortened, dtype=pl.String)


def _teeth(table: str, declared: ToothMeaning, raw: RawPractice) -> pl.Series:
    exams = declared.exams
    systems = dict(
        zip(
            raw.keys(exams.table, exams.key),
            read(raw.column(exams.table, exams.system), "numbering_system", raw.zone),
            strict=True,
        )
    )
    written = read(raw.column(table, declared.tooth), "text", raw.zone)
    codes: list[str | None] = []
    for tooth, exam in zip(written, raw.keys(table, declared.exam), strict=True):
        system = systems.get(exam)
        codes.append(None if tooth is None or system is None else universal_tooth(tooth, system))
    return pl.Series(EXPECTED, codes, dtype=pl.String)


def _dentists(table: str, key: str, declared: DentistMeaning, raw: RawPractice) -> pl.Series:
    told = pl.DataFrame([raw.keys(table, key).alias("referral")]).join(
        raw_referrers.other_dentists(raw), on="referral", how="left", maintain_order="left"
    )
    numbered = raw.keys(table, declared.dentist).replace("", None)
    provider = numbered.zip_with(numbered.is_not_null(), told["provider"])
    known = provider.is_in(staged_keys(declared.of, raw).implode()).fill_null(value=False)
    keys = f"{raw.practice}:{declared.key_space}:" + provider.set(~known, None)
    people = f"{raw.practice}:{declared.else_in}:" + told["referrer"]
    return keys.zip_with(provider.is_not_null(), people).alias(EXPECTED)


def _found(table: str, declared: FoundMeaning, raw: RawPractice) -> pl.Series:
    key = raw.profile.table(declared.table).key
    known = expected_cells(declared.table, key, declared.found, raw).filter(is_staged(declared.table, raw))
    named = pl.DataFrame([raw.keys(table, declared.by).alias(RAW)])
    return named.join(
        known.drop_nulls(RAW).unique(RAW, keep="first", maintain_order=True),
        on=RAW,
        how="left",
        maintain_order="left",
    )[EXPECTED]


def _kinds(table: str, key: str, declared: KindMeaning, raw: RawPractice) -> pl.Series:
    naming = {kind: set(raw.keys(of, declared.column)) for kind, of in declared.kinds.items()}
    kinds = [
        next((kind for kind, named in naming.items() if row in named), declared.otherwise)
        for row in raw.keys(table, key)
    ]
    return pl.Series(EXPECTED, kinds, dtype=pl.String)


def _corrected_text(table: str, column: str, raw: RawPractice) -> pl.Series:
    """A text column after its corrections, in the raw rows' order."""
    key = raw.profile.table(table).key
    return expected_cells(table, key, ColumnMeaning.model_validate({"column": column, "as": "text"}), raw)[
        EXPECTED
    ]


def _corrected(cells: pl.DataFrame, table: str, declared: ColumnMeaning, raw: RawPractice) -> pl.DataFrame:
    """A listed correction changes what is expected: a bridge's underscore is a blank, all else nothing."""
    listed = raw.corrections.filter(
        (pl.col("source_table") == table) & (pl.col("column") == declared.column)
    ).unique(subset="source_key", keep="last")
    if listed.is_empty() or declared.and_column is not None or declared.read_as in JUDGED_HERE:
        return cells
    code = pl.col("_code")
    corrected = pl.lit(None)
    if cells.schema[EXPECTED] == pl.String:
        blanks = pl.col(EXPECTED).str.replace_all("_", " ", literal=True).str.strip_chars()
        corrected = pl.when((code == "bridge_underscore") & (blanks != "")).then(blanks)
    joined = cells.join(
        listed.select(pl.col("source_key").alias(RAW), pl.col("code").alias("_code")),
        on=RAW,
        how="left",
        maintain_order="left",
    )
    return joined.select(RAW, pl.when(code.is_null()).then(EXPECTED).otherwise(corrected).alias(EXPECTED))
