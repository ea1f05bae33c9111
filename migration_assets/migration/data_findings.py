"""What a practice's staged rows say about its migration before anything is sent: listed, never corrected.

Pure functions over frames and counts. Messages hold counts, codes and names of fields, never a text of the
practice's; the texts of a procedure go into the report alone. What the destination says stands in its own
preflight, reading the tables in ``survey``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from migration_assets.destinations.base import FieldSchema, Finding
from migration_assets.mapping.declarations import Constant
from migration_assets.mapping.problems import TEXT_KINDS
from migration_assets.mapping.spec import MappingSet, ObjectSpec, SourceSpec
from migration_assets.migration.letter_naming import LetterNaming
from migration_assets.migration.staging import Verdict

EXAMS, PLAN_LINES, REFERRERS = "clinical_exams", "treatment_plan_lines", "referrers"
DOCUMENTS, PROVIDERS = "documents", "providers"
NEAR_THE_LIMIT = 0.5
"""Of the practice's reject_limit: from here on, a delta or a live run may pass it."""
WITHIN_THE_LIMIT = frozenset({"rejects_near_limit", "exams_without_numbering_system"})
"""Codes of findings about rejects that the practice's reject_limit allows: worth mending, no reason not to
load. Staging judges all rejects by that limit, and what is beyond it is an error here."""


@dataclass(frozen=True, slots=True)
class ProcedureTexts:
    """A procedure code that stands with several texts on ``lines`` lines; ``texts`` are the practice's own,
    the most frequent first, and leave data/ no more than any row does."""

    code: str
    lines: int
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TooLong:
    """``rows`` staged rows whose text is longer than the ``length`` of the field that it goes into."""

    object: str
    field: str
    length: int
    rows: int


@dataclass(frozen=True, slots=True)
class TooLarge:
    """A file of ``bytes`` that the destination doesn't take."""

    table: str
    source_id: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Untied:
    """A dentist (``source_id`` of the staged ``table``) who is named with several ``offices``, where the plan
    ties nobody to offices; their names are the practice's own and leave data/ no more than any row does."""

    table: str
    source_id: str
    offices: tuple[str, ...]


@dataclass(frozen=True)
class DataFacts:
    """What was counted in the staged tables; ``chart_rows_without_system`` are rejects of exams that say no
    numbering system, ``referrers_ambiguous`` and ``referrers_name_only`` people as ``objects.referrers``
    counts them; ``too_large`` are files larger than ``file_limit`` bytes."""

    verdicts: Sequence[Verdict] = ()
    procedures: Sequence[ProcedureTexts] = ()
    exams_without_system: int = 0
    chart_rows_without_system: int = 0
    referrers_ambiguous: int = 0
    referrers_name_only: int = 0
    too_long: Sequence[TooLong] = ()
    file_limit: int = 0
    too_large: Sequence[TooLarge] = ()
    letters: LetterNaming = field(default_factory=LetterNaming)
    untied: Sequence[Untied] = ()


def untied_dentists(ties: pl.DataFrame, offices: pl.DataFrame) -> list[Untied]:
    """From ``staged.office_ties`` and columns source_id and name of ``staged.offices``: each dentist of
    several, the offices in the ties' order."""
    named = ties.join(
        offices.select(office_id="source_id", office="name"), on="office_id", maintain_order="left"
    )
    dentists = named.group_by("provider_id", "referrer_id", maintain_order=True).agg("office")
    return [
        Untied(REFERRERS if provider is None else PROVIDERS, provider or referrer, tuple(names))
        for provider, referrer, names in dentists.filter(pl.col("office").list.len() > 1).iter_rows()
    ]


def procedures_with_several_texts(lines: pl.DataFrame) -> list[ProcedureTexts]:
    """By code, from columns procedure_code and description of ``staged.treatment_plan_lines``.

    Texts that differ in case or white space alone are one, shown as it is written most often; lines without
    a code or a text don't count.
    """
    folded = pl.col("description").str.strip_chars().str.replace_all(r"\s+", " ").str.to_lowercase()
    written = (
        lines.select("procedure_code", "description", folded=folded)
        .filter(pl.col("procedure_code").is_not_null(), pl.col("folded") != "")
        .group_by("procedure_code", "folded", "description")
        .agg(lines=pl.len())
        .sort("procedure_code", "lines", "description", descending=[False, True, False])
    )
    texts = (
        written.group_by("procedure_code", "folded", maintain_order=True)
        .agg(pl.col("description").first(), pl.col("lines").sum())
        .sort("procedure_code", "lines", "description", descending=[False, True, False])
    )
    by_code = texts.group_by("procedure_code", maintain_order=True).agg("description", pl.col("lines").sum())
    several = by_code.filter(pl.col("description").list.len() > 1)
    return [
        ProcedureTexts(code, count, tuple(described))
        for code, described, count in several.select("procedure_code", "description", "lines").iter_rows()
    ]


@dataclass(frozen=True, slots=True)
class _Text:
    """A text field of an object and the staged column that fills it; ``by`` where the column of all rows of
    a record becomes its lines."""

    object: str
    into: FieldSchema
    column: str
    values: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, Constant] = field(default_factory=dict)
    by: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column, *self.where, *([] if self.by is None else [self.by]))


def text_columns(mapping: MappingSet, table: str) -> tuple[str, ...]:
    """Columns of the staged table that ``too_long`` looks at; none where it fills no text field."""
    return tuple(dict.fromkeys(column for each in _texts(mapping, table) for column in each.columns))


def too_long(mapping: MappingSet, table: str, rows: pl.DataFrame) -> list[TooLong]:
    """``rows`` of the staged table, with its ``text_columns``; lengths are characters."""
    counted = [(each, each.into.length or 0, _longer(each, rows)) for each in _texts(mapping, table)]
    return [TooLong(each.object, each.into.name, length, count) for each, length, count in counted if count]


def _texts(mapping: MappingSet, table: str) -> Iterator[_Text]:
    for spec in mapping:
        for source in spec.sources:
            for each in _of_source(spec, source, table):
                if each.into.type in TEXT_KINDS and each.into.length is not None:
                    yield each


def _of_source(spec: ObjectSpec, source: SourceSpec, table: str) -> Iterator[_Text]:
    if source.staged == table:
        for name, rule in source.rules.items():
            if rule.column is not None and rule.parent is None:
                yield _Text(spec.name, spec.schema.field(name), rule.column, rule.values or {})
    for merged in source.merged:
        if merged.staged == table:
            for name, rule in merged.rules.items():
                if rule.column is not None:
                    yield _Text(
                        spec.name, spec.schema.field(name), rule.column, rule.values or {}, merged.where
                    )
            for name, column in merged.lines.items():
                yield _Text(spec.name, spec.schema.field(name), column, where=merged.where, by=merged.by)


def _longer(text: _Text, rows: pl.DataFrame) -> int:
    wanted = [pl.col(column) == pl.lit(value) for column, value in text.where.items()]
    written = pl.col(text.column).cast(pl.String).replace(dict(text.values))
    found = rows.lazy().filter(*wanted)
    if text.by is None:
        texts = found.select(text=written)
    else:
        lines = found.filter(pl.col(text.by).is_not_null()).group_by(text.by)
        texts = lines.agg(text=written.str.join("\n")).select("text")
    longer = texts.select((pl.col("text").str.len_chars() > (text.into.length or 0)).sum()).collect()
    return int(longer.item())


def too_large(table: str, files: pl.DataFrame, limit: int) -> list[TooLarge]:
    """``files`` with source_id and bytes (null where a row has no file); the largest first."""
    found = files.filter(pl.col("bytes") > limit).sort("bytes", "source_id", descending=[True, False])
    return [TooLarge(table, key, size) for key, size in found.select("source_id", "bytes").iter_rows()]


def data_findings(mapping: MappingSet, facts: DataFacts) -> list[Finding]:
    """What somebody should know or mend in PANDA, each with what it means and what to do."""
    return [
        *_rejects(facts.verdicts),
        *_charts(mapping, facts),
        *_too_long(facts.too_long),
        *_too_large(mapping, facts),
        *_referrers(mapping, facts),
        *_account_ties(mapping, facts.untied),
        *_procedures(mapping, facts.procedures),
        *_letters(mapping, facts.letters),
    ]


def _rejects(verdicts: Sequence[Verdict]) -> Iterator[Finding]:
    for each in verdicts:
        table = f"staged.{each.object}"
        if not each.passed:
            code = "rejects_over_limit" if each.balanced else "rows_unaccounted_for"
            message = (
                f"{each.complaint()}; the upload will be refused: look at staged.rejects, mend the source or "
                "the profile, and stage again"
            )
            yield Finding(code, "error", message, table)
        elif each.rejected and each.reject_share >= NEAR_THE_LIMIT * each.reject_limit:
            message = (
                f"{each.rejected:,} of {each.extracted:,} rows are rejected ({each.reject_share:.2%}), near "
                f"the practice's reject_limit of {each.reject_limit:.2%}; beyond it the upload is refused: "
                "look at staged.rejects and mend what can be mended in PANDA"
            )
            yield Finding("rejects_near_limit", "warning", message, table)


def _charts(mapping: MappingSet, facts: DataFacts) -> Iterator[Finding]:
    if facts.exams_without_system:
        message = (
            f"{facts.exams_without_system:,} exams say no tooth numbering system, or none that is known; "
            f"{facts.chart_rows_without_system:,} chart rows of theirs are rejected, since a tooth's number "
            "means nothing without it: set the system of these exams in PANDA and stage again"
        )
        place = _place(mapping, EXAMS, "numbering_system")
        yield Finding("exams_without_numbering_system", "warning", message, *place)


def _too_long(found: Sequence[TooLong]) -> Iterator[Finding]:
    for each in found:
        message = (
            f"{each.rows:,} texts are longer than the field's {each.length:,} characters; nothing is cut, so "
            "their records would fail: shorten them in PANDA or map them to a longer field"
        )
        yield Finding("text_too_long", "warning", message, each.object, each.field)


def _too_large(mapping: MappingSet, facts: DataFacts) -> Iterator[Finding]:
    if facts.too_large:
        largest = max(each.bytes for each in facts.too_large)
        message = (
            f"{len(facts.too_large):,} files are larger than the {facts.file_limit:,} bytes that the "
            f"destination takes, the largest {largest:,}: they would fail and everything else go; see the "
            "report for the rows, make them smaller in PANDA or hand them over by other means"
        )
        yield Finding("files_too_large", "warning", message, _place(mapping, DOCUMENTS, "title")[0])


def _letters(mapping: MappingSet, letters: LetterNaming) -> Iterator[Finding]:
    """Contents aren't read, so letters whose subject says nothing are told, too."""
    place = _place(mapping, DOCUMENTS, "title")[0]
    unseen = f"{letters.not_comparable:,} letters of plans say no procedure in their subject"
    if letters.differing:
        message = (
            f"{len(letters.differing):,} of {letters.compared:,} letters name a procedure in their subject "
            "that their plan doesn't have, by code or by text; nothing is corrected and the plan's codes "
            f"count: see the report for the letters, and look at both in PANDA ({unseen}, and what stands in "
            "a letter's file isn't read)"
        )
        yield Finding("letter_names_other_procedure", "note", message, place)
    elif letters.not_comparable:
        message = (
            f"{unseen}, and what stands in a letter's file isn't read: whether they name it as their plan "
            "does is for somebody to look at"
        )
        yield Finding("letters_not_compared", "note", message, place)


def _referrers(mapping: MappingSet, facts: DataFacts) -> Iterator[Finding]:
    place = _place(mapping, REFERRERS, "last_name")
    if facts.referrers_ambiguous:
        message = (
            f"{facts.referrers_ambiguous:,} referring dentists of free text could be several providers; each "
            "becomes a contact of its own: name the provider in the referral in PANDA where they are one"
        )
        yield Finding("referrers_ambiguous", "note", message, place[0])
    if facts.referrers_name_only:
        message = (
            f"{facts.referrers_name_only:,} referring dentists of free text share a provider's name and no "
            "e-mail, phone or practice; each becomes a contact of its own: name the provider in the referral "
            "in PANDA where they are one"
        )
        yield Finding("referrers_name_only", "note", message, place[0])


def _account_ties(mapping: MappingSet, untied: Sequence[Untied]) -> Iterator[Finding]:
    if untied:
        message = (
            f"{len(untied):,} dentists are named with more than one office and hang on the practice's "
            "account alone; the offices stay as text with the dentist and with each referral, and are listed "
            "in the report: to tie them, switch on Contacts to Multiple Accounts in the org, set "
            "account_relations for the environment, and have accounts"
        )
        place = _place(mapping, PROVIDERS, "practice_name")
        yield Finding("account_ties_not_migrated", "note", message, *place)


def _procedures(mapping: MappingSet, procedures: Sequence[ProcedureTexts]) -> Iterator[Finding]:
    place = _place(mapping, PLAN_LINES, "description")
    for each in procedures:
        message = (
            f"{each.code} stands with {len(each.texts):,} different texts on {each.lines:,} lines of plans; "
            "each line keeps its own and the code says which procedure it is: see the report for the texts, "
            "and reword them in PANDA if they should agree"
        )
        yield Finding("procedure_code_several_texts", "note", message, *place)


def _place(mapping: MappingSet, table: str, column: str) -> tuple[str | None, str | None]:
    """The object and field that the staged column fills; None twice where the mapping has no use for it."""
    for spec in mapping:
        for source in spec.sources:
            for name, rule in source.rules.items():
                if source.staged == table and rule.column == column:
                    return spec.name, name
    return None, None
