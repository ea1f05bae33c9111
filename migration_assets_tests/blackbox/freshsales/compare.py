"""The comparison of an account with a practice's database: every record, text and file. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from migration_assets_tests.blackbox import words
from migration_assets_tests.blackbox.compare import (
    Both,
    Org,
    compare_fields,
    expected_rows,
    with_fields_there,
)
from migration_assets_tests.blackbox.freshsales import marks
from migration_assets_tests.blackbox.freshsales.derived import SHARED_EMAILS, Tables, derive
from migration_assets_tests.blackbox.freshsales.exams import Exam, compare_words, exams, without_chart
from migration_assets_tests.blackbox.freshsales.fields import OTHER_EMAIL, STANDARD, kinds
from migration_assets_tests.blackbox.freshsales.files import Hashes, compare_files
from migration_assets_tests.blackbox.freshsales.notes import Notes, Written
from migration_assets_tests.blackbox.freshsales.reading import (
    APPOINTMENT,
    DEAL,
    KEY,
    KEY_LABEL,
    LINE,
    NOTE,
    Account,
)
from migration_assets_tests.blackbox.freshsales.texts import compare_text
from migration_assets_tests.blackbox.kind import Field, Kind, Reading
from migration_assets_tests.blackbox.records import end_of, subject
from migration_assets_tests.blackbox.report import Announced, Report, Row, by_key

_NOTHING = Reading(lambda: None, lambda held: None if held in (None, "", False, []) else held)


@dataclass(frozen=True)
class Choices:
    """What the practice has chosen. ``name`` is its own, which its database doesn't hold; ``default_owner``
    the e-mail of who owns what is nobody's."""

    practice: str
    zone: ZoneInfo
    name: str | None = None
    accounts: str = "practice"
    shared_emails: str = "second_field"
    several_practices: bool = False
    modules: bool = True
    default_owner: str | None = None
    other_kinds: tuple[str, ...] = ()


def compare(
    source: Mapping[str, list[Row]], account: Account, chosen: Choices, announced: Announced, hashes: Hashes
) -> Report:
    """Every record and cell of the source against the account, and nothing there that no row explains.

    ``hashes`` are of the contents that somebody has read from the source; of all others the MD5 that the
    source tells is compared. Raises ValueError where the default owner isn't exactly one user.
    """
    report = Report()
    of_exams = exams(report, source, announced, chosen.zone)
    tables = derive(
        source,
        account,
        announced,
        of_exams,
        chosen.zone,
        practice=chosen.practice,
        name=chosen.name,
        accounts=chosen.accounts,
        shared_emails=chosen.shared_emails,
        several_practices=chosen.several_practices,
        default_owner=chosen.default_owner,
    )
    comparison = _Comparison(report, account, chosen, announced, tables, of_exams)
    comparison.records()
    comparison.appointments()
    comparison.notes()
    compare_files(
        report,
        account.records["document"],
        tables,
        of_exams,
        comparison.ids,
        hashes,
        announced,
        chosen.practice,
        comparison.other,
    )
    return report


class _Comparison:
    def __init__(
        self,
        report: Report,
        account: Account,
        chosen: Choices,
        announced: Announced,
        tables: Tables,
        of_exams: Mapping[Any, Exam],
    ) -> None:
        self._report, self._account, self._chosen = report, account, chosen
        self._announced, self._tables, self._exams = announced, tables, of_exams
        self.other = tuple(f"{chosen.practice}:{space}:" for space in chosen.other_kinds)
        self._notes = Notes(tables, announced, of_exams, chosen.zone, modules=chosen.modules)
        self._found: dict[str, Row] = {}
        self._keys: dict[str, str] = {}
        self.ids: dict[str, tuple[str, str]] = {}
        """Object and id of each record by key without the practice."""

    def records(self) -> None:
        chosen, account = self._chosen, self._account
        described = {obj: names | STANDARD for obj, names in account.fields.items()}
        second = chosen.shared_emails == SHARED_EMAILS[0] or OTHER_EMAIL in account.fields["contact"]
        declared = kinds(chosen.zone, chosen.accounts, modules=chosen.modules, other_email=second)
        for obj in dict.fromkeys(kind.object for kind in declared if kind.object != "contact"):
            if obj in account.fields and KEY_LABEL not in account.fields[obj]:
                self._report.add("no such field", obj, KEY_LABEL, "")
        all_kinds = with_fields_there(self._report, declared, Org({}, described))
        expected = {
            kind.space: expected_rows(kind, self._tables, chosen.practice, self._announced)
            for kind in all_kinds
        }
        spaces: dict[str, list[str]] = {} if chosen.modules else {LINE: []}
        for kind in all_kinds:
            spaces.setdefault(kind.object, []).append(kind.space)
        for obj, of_object in spaces.items():
            keys = [key for space in of_object for key in expected[space]]
            found = by_key(self._report, obj, account.records.get(obj, []), keys, self.other, KEY)
            self._found |= found
            self.ids |= {key.partition(":")[2]: (obj, str(row["Id"])) for key, row in found.items()}
        self._keys = {number: key for key, (_, number) in self.ids.items()}
        both = Both(chosen.practice, expected, self._found)
        for kind in all_kinds:
            rows = {key: row for key, row in expected[kind.space].items() if key in self._found}
            self._report.counts[f"{kind.plural} compared"] = len(rows)
            for key, row in rows.items():
                self._compare(kind, key, row, both, _unused(kind, all_kinds))
        self._compare_pipelines()

    def _compare(self, kind: Kind, key: str, row: Row, both: Both, unused: tuple[Field, ...]) -> None:
        record = self._found[key]
        compare_fields(self._report, kind.object, key, row, record, (*kind.fields, *unused))
        for reference in kind.references:
            if not f"{self._chosen.practice}:{reference.space}:".startswith(self.other):
                parent, wanted = both.parent(reference, row)
                held = words.as_text(record.get(reference.name))
                self._report.counts[f"{kind.object} fields compared"] += 1
                if held != wanted:
                    self._report.differs(kind.object, reference.name, key, parent, held)
        if kind.object == DEAL:
            self._are("contacts", kind.object, key, [f"patient:{row['PatientID']}"], record["contacts"])

    def _compare_pipelines(self) -> None:
        """All deals stand in one pipeline, whichever: a stage of the same name may be another's."""
        deals = [(key, row) for key, row in self._found.items() if self.ids[key.partition(":")[2]][0] == DEAL]
        pipelines = Counter(row.get("deal_pipeline_id") for _, row in deals)
        for key, row in deals:
            if row.get("deal_pipeline_id") != pipelines.most_common(1)[0][0]:
                self._report.differs(DEAL, "deal_pipeline", key)

    def _are(self, name: str, obj: str, key: str, people: list[str], held: frozenset[str]) -> None:
        """The ids of just these people, as far as they are of the practice's own."""
        self._report.counts[f"{obj} fields compared"] += 1
        there = sorted(self._keys[each] for each in held if each in self._keys)
        if sorted(people) != there:
            self._report.differs(obj, name, key, people, there)

    def appointments(self) -> None:
        texts = self._notes.appointments()
        key_of = {f"{self._chosen.practice}:appointment:{number}": number for number in texts}
        rows = {row["AppointmentID"]: row for row in self._tables["Appointment"]}
        records = self._account.records[APPOINTMENT]
        found = by_key(self._report, APPOINTMENT, records, key_of, self.other, KEY)
        self._report.counts["appointments compared"] = len(found)
        utc = words.moment(self._chosen.zone)
        for key, record in found.items():
            row = self._announced.corrected("Appointment", key_of[key], rows[key_of[key]])
            start = utc(row["StartsAt"])
            times = {"from_date": start, "end_date": end_of(start, row["DurationMinutes"])}
            wanted = {"title": subject(row["SessionType"]), **times}
            for name, source in wanted.items():
                held = record[name] if name == "title" else words.as_moment(record[name])
                self._report.counts[f"{APPOINTMENT} fields compared"] += 1
                if held != source:
                    self._report.differs(APPOINTMENT, name, key, source, held)
            provider = f"provider:{row['ProviderID']}"
            there = f"{self._chosen.practice}:{provider}" in self._found
            people = [f"patient:{row['PatientID']}", *([provider] if there else [])]
            self._are("attendees", APPOINTMENT, key, people, record["attendees"])
            compare_text(self._report, APPOINTMENT, key, texts[key_of[key]], record["text"])

    def notes(self) -> None:
        wanted = {f"{self._chosen.practice}:{each.space}:{each.number}": each for each in self._notes.all()}
        parts: dict[str, dict[int, Row]] = {}
        for record in self._account.records[NOTE]:
            whole, number = marks.part_of(str(record[KEY]))
            if number in parts.setdefault(whole, {}):
                self._report.add("doubled", NOTE, KEY, str(record[KEY]))
            parts[whole].setdefault(number, record)
        # The rules of keys are those of all records; a text's parts count as one.
        firsts = [{KEY: whole} for whole in parts]
        found = by_key(self._report, NOTE, firsts, wanted, self.other, KEY)
        self._report.counts["notes compared"] = len(found)
        for key in found:
            self._compare_note(key, wanted[key], parts[key])

    def _compare_note(self, key: str, wanted: Written, parts: Mapping[int, Row]) -> None:
        report = self._report
        on = self.ids.get(
            f"practice:{self._chosen.practice}" if wanted.on is None else f"{wanted.on[0]}:{wanted.on[1]}"
        )
        if any(part["on"] != (on,) for part in parts.values()):
            report.differs(NOTE, "target", key, on, [part["on"] for part in parts.values()])
        text = marks.joined({number: part["text"] for number, part in parts.items()})
        if text is None:
            report.differs(NOTE, "parts", key, None, sorted(parts))
            return
        chart = None
        if wanted.exam is not None:
            text, chart = without_chart(text)
        compare_text(report, NOTE, key, wanted.blocks, text)
        if wanted.exam is not None:
            compare_words(report, key, wanted.exam, chart)


def _unused(kind: Kind, all_kinds: tuple[Kind, ...]) -> tuple[Field, ...]:
    """Fields that only other kinds of record of the same object fill: here nothing may stand."""
    siblings = (each for each in all_kinds if each.object == kind.object)
    names = dict.fromkeys(name for each in siblings for name in each.names if name not in kind.names)
    return tuple(Field(name, (), _NOTHING) for name in names)
