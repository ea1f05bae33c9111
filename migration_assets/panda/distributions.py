"""Which values the source holds and how often, counted by the server, for a person to judge by eye.

Values are raw, with no convention of the profile applied: whether ``recession_positive`` is right shows
here or nowhere. Only codes, measures and words of short lists are counted, and a rare word isn't shown:
somebody may have typed a name where a list belongs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from migration_assets.panda.catalog import SourceTable, bracketed, national_literal
from migration_assets.panda.connection import Query
from migration_assets.panda.profile import CHART_TABLE, MeasureRows, Profile

NULL = "(null)"
NO_NUMBER = "(no number)"
RARER_WORDS = "(rarer words)"
Kind = Literal["numbers", "codes", "words"]

_MOST_VALUES = 200
_SHORT_WORD, _LONGEST_CODE, _RARE = 3, 6, 2
_EXAMS, _SYSTEM, _TOOTH, _EXAM_KEY, _MEASURE = (
    "ClinicalExam",
    "ToothNumberingSystem",
    "Tooth",
    "ExamID",
    "Measure",
)
_OVERGROWTH = 100

# Logical table and column, what the report calls it: words that people choose from a list.
_WORDS = (
    (_EXAMS, _SYSTEM, "tooth numbering systems, exams"),
    (_EXAMS, "ChartingType", "charting types, exams"),
    (CHART_TABLE, "ToothStatus", "tooth status, charted teeth"),
    ("Provider", "Role", "roles, providers"),
    ("PeriodontalClassification", "Stage", "stages, classifications"),
    ("PeriodontalClassification", "Grade", "grades, classifications"),
    ("TreatmentPlan", "Status", "status, treatment plans"),
    ("TreatmentPlanLine", "Phase", "phases, treatment plan lines"),
    ("TreatmentPlanLine", "Status", "status, treatment plan lines"),
    ("Referral", "Direction", "directions, referrals"),
    ("Referral", "Status", "status, referrals"),
    ("Document", "MimeType", "types, documents"),
    ("Letter", "LetterType", "types, letters"),
    ("Appointment", "Status", "status, appointments"),
    ("ClinicalNote", "NoteType", "types, clinical notes"),
    ("Radiograph", "ImageType", "types, radiographs"),
)
_DEPTH = "pocket depth in mm, sites"
_RECESSION = "recession as stored, sites"
_MOBILITY = "mobility, charted teeth"
_FURCATION = "furcation grade, entrances"
_SITES = ("MB", "B", "DB", "ML", "L", "DL")
_OF_TOOTH_ROWS: Mapping[str, tuple[str, ...]] = {
    _DEPTH: tuple(f"PocketDepth_{site}" for site in _SITES),
    _RECESSION: tuple(f"Recession_{site}" for site in _SITES),
    _MOBILITY: ("Mobility",),
    _FURCATION: tuple(f"Furcation_{entrance}" for entrance in "MDBL"),
}
_OF_MEASURES = {
    "pocket_depth": _DEPTH,
    "recession": _RECESSION,
    "mobility": _MOBILITY,
    "furcation": _FURCATION,
    "status": "tooth status by number, charted teeth",
}


@dataclass(frozen=True)
class Distribution:
    """How often each value stands in the source; ``(null)`` counts NULLs.

    In the order in which to look at them: numbers and codes ascending, words by frequency; what stands in
    parentheses comes last.
    """

    name: str
    kind: Kind
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Distributions:
    """``recession_by_sign``: in a database that writes recession as the profile says, many sites are
    positive and few negative or, where the profile knows an offset for overgrowth, 100 and above."""

    all: tuple[Distribution, ...]
    recession_by_sign: Mapping[str, int]


def count_values(query: Query, profile: Profile, tables: Mapping[str, SourceTable]) -> Distributions:
    """Of the logical ``tables`` that are there, as far as they have the columns."""
    there = _Source(query, profile, tables)
    rows = profile.chart.measure_rows
    measures = _of_tooth_rows(there) if rows is None else _of_measure_rows(there, rows)
    found = [*_teeth(there)]
    found += [Distribution(name, "numbers", _ordered("numbers", measures[name])) for name in measures]
    if rows is not None and there.has(CHART_TABLE, _MEASURE):
        codes = _ordered("codes", there.counted(CHART_TABLE, _MEASURE))
        named = {f"{code}: {rows.kinds.get(code, 'unknown')}": count for code, count in codes.items()}
        found.append(Distribution("chart rows by measure", "codes", named))
    found += [
        Distribution(name, "words", _ordered("words", there.counted(table, column)))
        for table, column, name in _WORDS
        if there.has(table, column)
    ]
    signs = _by_sign(measures.get(_RECESSION, Counter()), profile.chart.not_charted)
    return Distributions(tuple(each for each in found if each.counts), signs)


@dataclass(frozen=True)
class _Source:
    query: Query
    profile: Profile
    tables: Mapping[str, SourceTable]

    def has(self, table: str, column: str) -> bool:
        if table not in self.tables or not self.profile.table(table).has(column):
            return False
        return self.tables[table].column(self.profile.table(table).actual(column)) is not None

    def name(self, table: str, column: str) -> str:
        return bracketed(self.profile.table(table).actual(column))

    def counted(self, table: str, column: str, where: str = "") -> Counter[str]:
        name, place = self.name(table, column), self.tables[table].sql_name
        rows = self.query(f"SELECT {name} AS value, COUNT_BIG(*) AS n FROM {place}{where} GROUP BY {name}")
        return _counter(rows)


def _teeth(there: _Source) -> Iterator[Distribution]:
    """Codes by the numbering system of their exam: 11 to 18 are teeth in two of them."""
    if not there.has(CHART_TABLE, _TOOTH):
        return
    what = "charted teeth" if there.profile.chart.measure_rows is None else "chart rows"
    if not (
        there.has(CHART_TABLE, _EXAM_KEY) and there.has(_EXAMS, _EXAM_KEY) and there.has(_EXAMS, _SYSTEM)
    ):
        counts = _ordered("codes", there.counted(CHART_TABLE, _TOOTH))
        yield Distribution(f"teeth by code, {what}", "codes", counts)
        return
    tooth, of_exam = there.name(CHART_TABLE, _TOOTH), there.name(CHART_TABLE, _EXAM_KEY)
    system, exam = there.name(_EXAMS, _SYSTEM), there.name(_EXAMS, _EXAM_KEY)
    rows = there.query(
        f"SELECT e.{system} AS system, c.{tooth} AS value, COUNT_BIG(*) AS n "
        f"FROM {there.tables[CHART_TABLE].sql_name} c "
        f"LEFT JOIN {there.tables[_EXAMS].sql_name} e ON e.{exam} = c.{of_exam} "
        f"GROUP BY e.{system}, c.{tooth}"
    )
    systems = _counter((each, n) for each, _, n in rows)
    for shown in _ordered("words", systems):
        of_system = _counter((value, n) for each, value, n in rows if _shown(_text(each), systems) == shown)
        exams = "exams without a system" if shown == NULL else f"{shown} exams"
        yield Distribution(f"teeth by code, {what} of {exams}", "codes", _ordered("codes", of_system))


def _of_tooth_rows(there: _Source) -> dict[str, Counter[str]]:
    return {
        name: _sum(there.counted(CHART_TABLE, column) for column in columns if there.has(CHART_TABLE, column))
        for name, columns in _OF_TOOTH_ROWS.items()
    }


def _of_measure_rows(there: _Source, rows: MeasureRows) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {}
    for code, kind in rows.kinds.items():
        if kind not in _OF_MEASURES or not there.has(CHART_TABLE, _MEASURE):
            continue
        sites = [f"Value_{site}" for site in _SITES]
        if kind in ("mobility", "status"):
            sites = ["Value_Tooth"]
        elif kind == "furcation":
            sites = [f"Value_{site}" for site in rows.furcation_sites.values()]
        where = f" WHERE {there.name(CHART_TABLE, _MEASURE)} = {national_literal(code)}"
        counts[_OF_MEASURES[kind]] = _sum(
            there.counted(CHART_TABLE, site, where) for site in sites if there.has(CHART_TABLE, site)
        )
    return counts


def _by_sign(recession: Counter[str], nothing: float | None) -> dict[str, int]:
    not_charted = f"not charted ({nothing})"
    signs = dict.fromkeys(("negative", "0", "positive", "100 and above"), 0)
    if nothing is not None:
        signs[not_charted] = 0
    signs[NULL] = 0
    for value, count in recession.items():
        number = _number(value)
        if value == NULL:
            sign = NULL
        elif number is None:
            sign = NO_NUMBER
        elif number == nothing:
            sign = not_charted
        elif number >= _OVERGROWTH:
            sign = "100 and above"
        else:
            sign = "0" if number == 0 else "negative" if number < 0 else "positive"
        signs[sign] = signs.get(sign, 0) + count
    return signs


def _ordered(kind: Kind, counts: Counter[str]) -> dict[str, int]:
    """The values to be shown, the most frequent of them where there are very many, in their order."""
    if kind == "numbers":
        shown = _sum({value if _is_known(value) else NO_NUMBER: count} for value, count in counts.items())
    else:
        shown = _sum({_shown(value, counts): count} for value, count in counts.items())
    most = shown.most_common(_MOST_VALUES)
    if kind != "words":
        most.sort(key=lambda pair: _place(pair[0]))
    return dict(sorted(most, key=lambda pair: pair[0].startswith("(")))


def _shown(value: str, counts: Counter[str]) -> str:
    """The value itself, unless it is a word that might be somebody's name."""
    is_code = len(value) <= _LONGEST_CODE and any(character.isdigit() for character in value)
    if value == NULL or is_code or len(value) <= _SHORT_WORD or counts[value] > _RARE:
        return value
    return RARER_WORDS


def _is_known(value: str) -> bool:
    return value == NULL or _number(value) is not None


def _place(value: str) -> tuple[bool, float, str]:
    number = _number(value)
    return (number is None, number or 0, value)


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _text(value: Any) -> str:
    return NULL if value is None else str(value).strip()


def _counter(rows: Iterable[tuple[Any, ...]]) -> Counter[str]:
    return _sum({_text(value): int(count)} for value, count in rows)


def _sum(parts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return total
