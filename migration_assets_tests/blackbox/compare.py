"""The comparison: every record and every cell of a practice's database against the org, as pure functions."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from operator import eq
from typing import Any
from zoneinfo import ZoneInfo

from migration_assets_tests.blackbox import words
from migration_assets_tests.blackbox.chart import (
    CHART_COLUMNS,
    COMPANIONS,
    EXAM,
    TOOTH,
    TOOTH_FIELDS,
    Charts,
    by_exam,
    compare_charts,
    wide_fields,
)
from migration_assets_tests.blackbox.derived import derive, left, needed
from migration_assets_tests.blackbox.fields import kinds
from migration_assets_tests.blackbox.files import LINK, VERSION
from migration_assets_tests.blackbox.kind import Field, Kind, Reading, Reference
from migration_assets_tests.blackbox.offices import Known
from migration_assets_tests.blackbox.owners import owners
from migration_assets_tests.blackbox.records import GROUPS, with_needed
from migration_assets_tests.blackbox.relations import (
    ATTENDEE,
    TIE,
    Records,
    compare_attendees,
    compare_links,
    compare_ties,
)
from migration_assets_tests.blackbox.report import Announced, Report, Row, by_key

_UTC = ZoneInfo("UTC")
_ALWAYS = ("Id", "PANDA_Key__c")

BIG_OBJECTS = (EXAM, *COMPANIONS, TOOTH, "ClinicalExamFinding__c", "ClinicalNote__c")
"""Objects with more fields than a query in a URI can name, or with many records or long texts."""
ARCHIVED_OBJECTS = ("Event",)
"""Objects of which a plain query shows only the last year's records."""

USER = "User"
RELATIONS = {"files": LINK, "attendees": ATTENDEE, "ties": TIE}
"""Objects without a key by the group that compares them."""

Source = Mapping[str, list[Row]]
"""Rows by table; the files of the practice's share are in ``share.``, see ``share``."""


@dataclass(frozen=True)
class Org:
    """Records by object, and by object the names of the fields that it has; an object may be missing.

    ``login`` is the id of the user who asked.
    """

    records: dict[str, list[Row]]
    described: dict[str, frozenset[str]]
    login: str | None = None


def source_columns(groups: Collection[str] = GROUPS) -> dict[str, tuple[str, ...]]:
    """Tables of the practice's database and the columns that are compared with these groups."""
    groups = with_needed(groups)
    columns = {kind.table: kind.columns for kind in kinds(_UTC, groups) if not kind.table.endswith(".")}
    columns["PeriodontalCharting"] = CHART_COLUMNS
    for table, names in needed(groups).items():
        columns[table] = tuple(dict.fromkeys([*columns.get(table, ()), *names]))
    return columns


def org_objects(groups: Collection[str] = GROUPS) -> tuple[str, ...]:
    """The org's objects with a key that are compared with these groups."""
    mapped = dict.fromkeys(kind.object for kind in kinds(_UTC, groups))
    return tuple(dict.fromkeys(["Account", *mapped, *COMPANIONS, TOOTH]))


def query_fields(
    obj: str, described: Mapping[str, frozenset[str]], groups: Collection[str] = GROUPS
) -> tuple[str, ...]:
    """The fields of an object that are compared, as far as the org has them."""
    named = {
        "Account": ("Name",),
        **dict.fromkeys(COMPANIONS, (EXAM,)),
        **dict.fromkeys(ARCHIVED_OBJECTS, ("IsDeleted",)),
        TOOTH: (EXAM, *TOOTH_FIELDS),
        EXAM: ("Chart_Incomplete__c", "Rejected_Teeth__c"),
        VERSION: ("ContentDocumentId", "OwnerId"),
    }.get(obj, ())
    mapped = [name for kind in kinds(_UTC, groups) if kind.object == obj for name in kind.names]
    fields = dict.fromkeys([*_ALWAYS, *named, *mapped, *wide_fields(described).get(obj, ())])
    return tuple(name for name in fields if name in described[obj])


def compare(
    source: Source,
    org: Org,
    practice: str,
    zone: ZoneInfo,
    announced: Announced,
    other_kinds: tuple[str, ...] = (),
    name: str | None = None,
    groups: Collection[str] = GROUPS,
    accounts: str = "practice",
    default_owner: str | None = None,
    account_relations: bool = False,
) -> Report:
    """Every record and cell of the source against the org; ``other_kinds`` of keys are left out.

    ``name`` is the practice's, which its database doesn't hold; ``groups`` of ``records`` are compared too,
    and ``accounts`` is what the practice hangs its patients on. ``default_owner`` (username or e-mail) owns
    what no provider's user owns, without one ``org.login``; raises ValueError where it is no such user.
    With ``account_relations`` dentists' offices are accounts, and contacts are tied to more than their own,
    but under no choice of ``accounts`` without any; else nobody may be.
    An object or field that the org doesn't have is one difference, whatever it should hold.
    """
    report = Report()
    groups = with_needed(groups)
    compared = {kind.space for kind in kinds(_UTC, groups)}
    left_out = [kind.space for kind in kinds(_UTC, GROUPS) if kind.space not in compared]
    other = tuple(f"{practice}:{space}:" for space in (*other_kinds, *left_out))
    owned = None
    if "owners" in groups:
        staff = left(source, "StaffUser", "UserID", announced)
        providers = left(source, "Provider", "ProviderID", announced)
        owned = owners(staff, providers, org.records[USER], org.login, default_owner)
    related = account_relations and accounts != "none"
    known = Known.of(practice, name, org.records["Account"]) if related else None
    source = derive(source, groups, announced, words.moment(zone), accounts, owned, known)
    all_kinds = with_fields_there(report, kinds(zone, groups, accounts), org)
    expected = {kind.space: expected_rows(kind, source, practice, announced) for kind in all_kinds}
    expected["practice"] = {} if accounts == "none" else {f"{practice}:practice:{practice}": {}}
    spaces = {"Account": ["practice"]}
    for kind in all_kinds:
        spaces.setdefault(kind.object, []).append(kind.space)
    found: dict[str, Row] = {}
    for obj, of_object in spaces.items():
        keys = [key for space in of_object for key in expected[space]]
        found |= by_key(report, obj, org.records.get(obj, []), keys, other)
    both = Both(practice, expected, found)
    _compare_account(report, found, practice, name)
    for kind in all_kinds:
        rows = {key: row for key, row in expected[kind.space].items() if key in found}
        siblings = [each for each in all_kinds if each.object == kind.object]
        empty = empty_fields(kind, siblings)
        report.counts[f"{kind.plural} compared"] = len(rows)
        for key, row in rows.items():
            compare_fields(report, kind.object, key, row, found[key], (*kind.fields, *empty))
            for reference in kind.references:
                if not f"{practice}:{reference.space}:".startswith(other):
                    parent, wanted = both.parent(reference, row)
                    held = words.as_text(found[key].get(reference.name))
                    report.counts[f"{kind.object} fields compared"] += 1
                    if held != wanted:
                        report.differs(kind.object, reference.name, key, parent, held)
    joined = Records.of(practice, found, org.records, other)
    if "files" in groups and _is_there(report, org, LINK):
        compare_links(report, joined, source["links."], org.records[LINK])
    if "attendees" in groups and _is_there(report, org, ATTENDEE):
        compare_attendees(report, joined, source["attendees."], org.records[ATTENDEE])
    # An org that relates no contact to several accounts has no such object.
    if "ties" in groups and (_is_there(report, org, TIE) if related else TIE in org.described):
        compare_ties(report, joined, source["ties."], org.records[TIE])
    exams = {key: row for key, row in expected["exam"].items() if not key.startswith(other)}
    chart = by_exam(report, source["PeriodontalCharting"], source["ClinicalExam"], announced)
    exam_records = {key: found[key] for key in exams if key in found}
    compare_charts(report, Charts(exams, exam_records, chart, org.records, org.described, announced, other))
    return report


def _is_there(report: Report, org: Org, obj: str) -> bool:
    if obj not in org.described:
        report.add("no such object", obj, "", "")
    return obj in org.described


def with_fields_there(report: Report, all_kinds: tuple[Kind, ...], org: Org) -> tuple[Kind, ...]:
    """The kinds with those of their fields that the org has; reports what it hasn't."""
    for obj in dict.fromkeys(kind.object for kind in all_kinds):
        if obj not in org.described:
            report.add("no such object", obj, "", "")
            continue
        names = dict.fromkeys(name for kind in all_kinds if kind.object == obj for name in kind.names)
        for name in names:
            if name not in org.described[obj]:
                report.add("no such field", obj, name, "")
    return tuple(_kept(kind, org.described.get(kind.object, frozenset())) for kind in all_kinds)


def _kept(kind: Kind, there: frozenset[str]) -> Kind:
    return replace(
        kind,
        fields=tuple(each for each in kind.fields if each.name in there),
        references=tuple(each for each in kind.references if each.name in there),
    )


@dataclass(frozen=True)
class Both:
    """What must be there by key space and key, and the org's records by key."""

    practice: str
    expected: Mapping[str, Mapping[str, Row]]
    found: Mapping[str, Row]

    def parent(self, reference: Reference, row: Row) -> tuple[str, Any]:
        """The key that a row's reference names, and the id that the org gave that record."""
        space = reference.space
        source_id = self.practice if reference.column is None else row[reference.column]
        if source_id is None and reference.or_else is not None:
            space, source_id = reference.or_else[0], row[reference.or_else[1]]
        key = f"{self.practice}:{space}:{source_id}"
        left_empty = reference.optional and key not in self.expected[space]
        if source_id is None or left_empty:
            return key, None
        # Of a parent that is missing no id can be right.
        return key, self.found.get(key, {}).get("Id", words.UNUSABLE)


def expected_rows(kind: Kind, source: Source, practice: str, announced: Announced) -> dict[str, Row]:
    """Rows by the key of their record, corrected as announced, without those that are announced absent."""
    return {
        f"{practice}:{kind.space}:{row[kind.key]}": announced.corrected(kind.table, row[kind.key], row)
        for row in source[kind.table]
        if not announced.absent(kind.table, row[kind.key])
    }


def empty_fields(kind: Kind, siblings: list[Kind]) -> tuple[Field, ...]:
    """Fields that only other kinds of record of the same object fill: here nothing may stand."""
    nothing = Reading(lambda: None, words.as_text)
    names = dict.fromkeys(name for each in siblings for name in each.names if name not in kind.names)
    return tuple(Field(name, (), nothing) for name in names)


def _compare_account(report: Report, found: Mapping[str, Row], practice: str, name: str | None) -> None:
    key = f"{practice}:practice:{practice}"
    if name is not None and key in found:
        report.counts["Account fields compared"] += 1
        if found[key].get("Name") != name:
            report.differs("Account", "Name", key, name, found[key].get("Name"))


def compare_fields(
    report: Report, obj: str, key: str, row: Row, record: Row, fields: tuple[Field, ...]
) -> None:
    report.counts[f"{obj} fields compared"] += len(fields)
    for each in fields:
        raw, value = [row[column] for column in each.columns], record.get(each.name)
        wanted, held = each.reading.expected(*raw), each.reading.found(value)
        if not each.reading.same(wanted, held):
            report.differs(obj, each.name, key, wanted, value)
        elif (
            each.reading.same is eq
            and each.reading.found is words.as_lines
            and _has_cr(*raw) != _has_cr(value)
        ):
            report.counts["line breaks written differently"] += 1


def _has_cr(*values: Any) -> bool:
    return any("\r" in str(value) for value in values)
