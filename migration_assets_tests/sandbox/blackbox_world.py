"""A small practice and the org that a faithful migration leaves behind, both written out by hand.

And the same of a generated practice, whose org is made with formulas of this file's own for its charts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from hashlib import md5
from typing import Any
from zoneinfo import ZoneInfo

from migration_assets_tests.blackbox import words
from migration_assets_tests.blackbox.compare import Org
from migration_assets_tests.blackbox.derived import derive
from migration_assets_tests.blackbox.fields import kinds
from migration_assets_tests.blackbox.files import LINK, VERSION
from migration_assets_tests.blackbox.kind import Field
from migration_assets_tests.blackbox.owners import Owners
from migration_assets_tests.blackbox.records import GROUPS
from migration_assets_tests.blackbox.relations import ATTENDEE
from migration_assets_tests.blackbox.report import Announced
from migration_sandbox.practice.generator import Practice
from migration_sandbox.practice.radiographs import SHARE

Rows = list[dict[str, Any]]
Tables = dict[str, Rows]

ZONE = ZoneInfo("America/New_York")
SITES = ("MB", "B", "DB", "ML", "L", "DL")
EXAM, CHART2, CHART3 = "ClinicalExam__c", "ClinicalExamChart2__c", "ClinicalExamChart3__c"
LOGIN = "005L"
TOOTH, PLAN, LINE = "ClinicalExamTooth__c", "TreatmentPlan__c", "TreatmentPlanLine__c"

_PLACES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("PocketDepth", "Recession", "BleedingOnProbing", "Suppuration", "Plaque"), SITES),
    **dict.fromkeys(("Mobility", "ToothStatus"), ("",)),
    "Furcation": ("M", "D", "B", "L"),
}
LARGE = {
    EXAM: ("PocketDepth", "Recession", "Mobility", "Furcation"),
    CHART2: ("BleedingOnProbing", "Suppuration", "ToothStatus"),
    CHART3: ("Plaque",),
}
"""Measures with wide fields by object, in an org of 500 custom fields an object."""
SMALL = {EXAM: ("Mobility", "Furcation")}
"""The same of an org in which no measure of sites fits."""


def entrances(tooth: int) -> str:
    if tooth in (5, 12):
        return "MD"
    if tooth in (1, 2, 3, 14, 15, 16):
        return "MDB"
    return "BL" if tooth in (17, 18, 19, 30, 31, 32) else ""


def wide_names(measure: str) -> list[str]:
    names = []
    for tooth in range(1, 33):
        places = tuple(entrances(tooth)) if measure == "Furcation" else _PLACES[measure]
        quadrant = ("UR", "UL", "LL", "LR")[(tooth - 1) // 8]
        names += ["_".join(filter(None, (measure, place, f"{quadrant}{tooth}"))) + "__c" for place in places]
    return names


def described(layout: Mapping[str, tuple[str, ...]]) -> dict[str, frozenset[str]]:
    """Fields by object, of an org that has every object and field that is compared."""
    fields: dict[str, frozenset[str]] = {}
    for kind in kinds(ZONE, GROUPS):
        fields[kind.object] = fields.get(kind.object, frozenset()) | set(kind.names)
    for obj in (EXAM, CHART2, CHART3):
        wide = frozenset(name for each in layout.get(obj, ()) for name in wide_names(each))
        fields[obj] = fields.get(obj, frozenset()) | wide
    teeth = [
        "_".join(filter(None, (measure, place))) for measure, places in _PLACES.items() for place in places
    ]
    joining = {LINK: frozenset(("ShareType",)), ATTENDEE: frozenset(("IsInvitee",))}
    return fields | joining | {TOOTH: frozenset(f"{name}__c" for name in teeth)}


def chart_row(charting: int, exam: int, tooth: str, **cells: Any) -> dict[str, Any]:
    """Cells of six sites as a list, in the order of SITES; single ones by their column."""
    row: dict[str, Any] = {"ChartingID": charting, "ExamID": exam, "Tooth": tooth}
    row |= dict.fromkeys(["Mobility", "ToothStatus", *(f"Furcation_{entrance}" for entrance in "MDBL")])
    for column in ("PocketDepth", "Recession", "BOP", "Suppuration", "Plaque"):
        values = cells.pop(column, [None] * 6)
        row |= {f"{column}_{site}": value for site, value in zip(SITES, values, strict=True)}
    return row | cells


def put(record: dict[str, Any], measure: str, tooth: str, values: list[str | None]) -> None:
    """Six sites of a tooth (``_UR6``; blank on a tooth's own record)."""
    record.update({f"{measure}_{site}{tooth}__c": each for site, each in zip(SITES, values, strict=True)})


def utc(local: datetime) -> str:
    return local.replace(tzinfo=ZONE).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def small_source() -> Tables:
    """A provider; two patients; an exam in Universal with teeth 6, 19 and A, one in FDI with tooth 13
    (Universal 6); a plan of two lines."""
    written = {"CreatedAt": datetime(2024, 7, 1, 9, 0, 0, 250_000)}
    provider = written | {
        "ProviderID": 3, "FirstName": "Ann", "LastName": "O'Brien", "Credentials": "D.D.S., ms; FXQD",
        "Specialty": "Perio", "Role": "periodontist", "NPI": "1234567893", "Email": None,
        "Phone": "(212) 555-0199", "PracticeName": None, "IsReferring": False, "Active": True,
    }  # fmt: skip
    anna = written | {
        "PatientID": 1, "ChartNumber": "P-1", "FirstName": "Zoë", "MiddleName": None, "LastName": "𠮷野",
        "PreferredName": None, "DateOfBirth": date(1961, 5, 2), "Sex": "f", "Email": "zoe@mail.example",
        "HomePhone": "(212) 555-0100", "WorkPhone": None, "MobilePhone": None, "Address1": "12 Elm Street ",
        "Address2": None, "City": "Newark", "State": "NJ", "Zip": "07102", "PrimaryProviderID": 3,
        "BridgeID": None, "Inactive": False,
    }  # fmt: skip
    ben = anna | {
        "PatientID": 2, "FirstName": "Ben", "Address2": "Apt 4B", "PrimaryProviderID": None,
        "CreatedAt": datetime(2024, 3, 10, 2, 30),
    }  # fmt: skip
    exam = written | {
        "ExamID": 10, "PatientID": 1, "ProviderID": 3, "ExamDate": datetime(2024, 1, 15, 23, 30),
        "ChartingType": "Limited", "ToothNumberingSystem": "Universal", "PlaqueIndex": "33.33",
        "BleedingIndex": None, "Notes": "Line one.\r\nLine two.",
    }  # fmt: skip
    other = exam | {
        "ExamID": 11, "PatientID": 2, "ProviderID": None, "ToothNumberingSystem": "FDI", "Notes": None,
    }  # fmt: skip
    chart = [
        chart_row(100, 10, "6", PocketDepth=[3, 2, 4, 3, 0, None], Recession=[1, 0, -1, 2, 0, 3],
                  BOP=[True, False, None, False, False, False], Mobility="1.5", ToothStatus="Crown"),
        # A lower molar has no mesial entrance, so this grade has no wide field.
        chart_row(101, 10, "19", PocketDepth=[5, 4, 6, 5, 4, 7], Furcation_B=2, Furcation_M=1),
        chart_row(102, 10, "A", ToothStatus="primary", Plaque=[True] * 6),
        chart_row(103, 11, "13", PocketDepth=[2, 1, 3, 2, 1, 2], Plaque=[False] * 6),
    ]  # fmt: skip
    plan = written | {
        "PlanID": 20, "PatientID": 1, "ProviderID": 3, "PlanName": "Implant " * 12, "TreatmentType": "Graft",
        "Status": "In Progress", "EstimatedCost": "4200.50", "TreatmentNotes": "First.\nSecond.\n\nThird.",
        "ProposedAt": date(2024, 2, 1), "AcceptedAt": date(2024, 2, 9), "CompletedAt": None,
    }  # fmt: skip
    line = {
        "LineID": 30, "PlanID": 20, "Sequence": 1, "Phase": "extraction", "ProcedureCode": "d7210",
        "Description": "Extraction", "ToothSite": "19", "EstimatedCost": "300.00", "HealingWeeks": 12,
        "ScheduledDate": date(2024, 3, 1), "Status": "Done",
    }  # fmt: skip
    return {
        "Provider": [provider],
        "Patient": [anna, ben],
        "ClinicalExam": [exam, other],
        "PeriodontalCharting": chart,
        "TreatmentPlan": [plan],
        "TreatmentPlanLine": [line, line | {"LineID": 31, "Sequence": 2, "Phase": "implant placement"}],
    }


def small_org() -> Org:
    """What a faithful migration of ``small_source`` leaves behind, as Salesforce would return it."""
    return Org(
        {
            "Account": [{"Id": "001A", "PANDA_Key__c": "maple:practice:maple", "Name": "Maple Periodontics"}],
            "Contact": _contacts(),
            **_charts(),
            **_plans(),
        },
        described(LARGE),
    )


def _contacts() -> Rows:
    created = "2024-07-01T13:00:00.000+0000"
    provider = {
        "Id": "003P", "PANDA_Key__c": "maple:provider:3", "AccountId": "001A", "LastName": "O'Brien",
        "FirstName": "Ann", "Phone": "(212) 555-0199", "Inactive__c": False, "Provider__c": True,
        "Original_Create_Date__c": created, "Source_Provider_ID__c": "3", "Credentials__c": "DDS;MS",
        "Credentials_Text__c": "D.D.S., ms; FXQD", "Specialty__c": "Periodontics", "NPI__c": "1234567893",
        "Specialty_Text__c": "Perio", "Provider_Role__c": "periodontist", "Referring_Dentist__c": False,
    }  # fmt: skip
    anna = {
        "Id": "003A", "PANDA_Key__c": "maple:patient:1", "AccountId": "001A", "LastName": "𠮷野",
        "FirstName": "Zoë", "Birthdate": "1961-05-02", "Email": "zoe@mail.example",
        "HomePhone": "(212) 555-0100", "MailingStreet": "12 Elm Street", "MailingCity": "Newark",
        "MailingState": "NJ", "MailingPostalCode": "07102", "PANDA_Chart_Number__c": "P-1", "Sex__c": "F",
        "Inactive__c": False, "Original_Create_Date__c": created, "Primary_Provider__c": "003P",
        "Provider__c": False, "Referring_Dentist__c": False,
    }  # fmt: skip
    ben = anna | {
        "Id": "003B", "PANDA_Key__c": "maple:patient:2", "FirstName": "Ben",
        "MailingStreet": "12 Elm Street\nApt 4B", "Primary_Provider__c": None,
        "Original_Create_Date__c": "2024-03-10T07:30:00.000+0000",
    }  # fmt: skip
    return [provider, anna, ben]


def _charts() -> dict[str, Rows]:
    exam = {
        "Id": "a00A", "PANDA_Key__c": "maple:exam:10", "Contact__c": "003A", "Provider__c": "003P",
        "Exam_Date__c": "2024-01-15", "Exam_Time__c": "2024-01-16T04:30:00.000Z",
        "Charting_Type__c": "Limited", "ToothNumberingSystem__c": "Universal", "Plaque_Index__c": "33.33",
        "Exam_Notes__c": "Line one.\nLine two.", "Chart_Incomplete__c": "false", "Rejected_Teeth__c": "0.0",
        "Original_Create_Date__c": "2024-07-01T13:00:00.000Z",
    }  # fmt: skip
    other = exam | {
        "Id": "a00B", "PANDA_Key__c": "maple:exam:11", "Contact__c": "003B", "ToothNumberingSystem__c": "FDI",
        "Exam_Notes__c": None, "Provider__c": None,
    }  # fmt: skip
    exam |= {"Mobility_UR6__c": "1.5", "Furcation_B_LL19__c": "2.0"}
    put(exam, "PocketDepth", "_UR6", ["3", "2.0", "4", "3", "0", None])
    put(exam, "Recession", "_UR6", ["1", "0", "-1", "2", "0", "3"])
    put(exam, "PocketDepth", "_LL19", ["5", "4", "6", "5", "4", "7"])
    put(other, "PocketDepth", "_UR6", ["2", "1", "3", "2", "1", "2"])
    second = {
        "PANDA_Key__c": "maple:exam_chart2:10",
        "ClinicalExam__c": "a00A",
        "ToothStatus_UR6__c": "crown",
    }
    put(second, "BleedingOnProbing", "_UR6", ["Yes", "No", None, "No", "No", "No"])
    third = {"PANDA_Key__c": "maple:exam_chart3:11", "ClinicalExam__c": "a00B"}
    put(third, "Plaque", "_UR6", ["No"] * 6)
    molar = {
        "PANDA_Key__c": "maple:exam_tooth:101", "ClinicalExam__c": "a00A", "ToothNumber__c": "19",
        "ToothAsCharted__c": "19", "Furcation_B__c": "2", "Furcation_M__c": "1",
    }  # fmt: skip
    put(molar, "PocketDepth", "", ["5", "4", "6", "5", "4", "7"])
    primary = {
        "PANDA_Key__c": "maple:exam_tooth:102", "ClinicalExam__c": "a00A", "ToothNumber__c": "A",
        "ToothAsCharted__c": "A", "ToothStatus__c": "primary",
    }  # fmt: skip
    put(primary, "Plaque", "", ["Yes"] * 6)
    return {
        EXAM: [exam, other],
        CHART2: [second, {"PANDA_Key__c": "maple:exam_chart2:11", "ClinicalExam__c": "a00B"}],
        CHART3: [{"PANDA_Key__c": "maple:exam_chart3:10", "ClinicalExam__c": "a00A"}, third],
        TOOTH: [molar, primary],
    }


def _plans() -> dict[str, Rows]:
    plan = {
        "Id": "a05A", "PANDA_Key__c": "maple:plan:20", "Name": "Implant " * 9 + "Implant…",
        "Plan_Name__c": ("Implant " * 12).strip(), "Contact__c": "003A", "Provider__c": "003P",
        "Status__c": "in-progress", "TreatmentType__c": "Graft", "EstimatedCost__c": 4200.5,
        "Treatment_Notes__c": "First.\r\nSecond.\r\n\r\nThird.", "Proposed_Date__c": "2024-02-01",
        "Accepted_Date__c": "2024-02-09", "Original_Create_Date__c": "2024-07-01T13:00:00.000+0000",
    }  # fmt: skip
    line = {
        "Id": "a06A", "PANDA_Key__c": "maple:plan_line:30", "TreatmentPlan__c": "a05A", "Sequence__c": 1.0,
        "Phase__c": "extraction", "ADA_Code__c": "D7210", "Description__c": "Extraction",
        "ToothSite__c": "19", "EstimatedCost__c": 300.0, "HealingWeeks__c": 12.0,
        "ScheduledDate__c": "2024-03-01", "Status__c": "Done",
    }  # fmt: skip
    second = {"PANDA_Key__c": "maple:plan_line:31", "Sequence__c": 2.0, "Phase__c": "implant placement"}
    return {PLAN: [plan], LINE: [line, line | second | {"Id": "a06B"}]}


def tables_of(practice: Practice) -> Tables:
    """Rows as the check reads them: of a document's content its size and hash, and the files of the share."""
    tables = {table: frame.to_dicts() for table, frame in practice.tables.items()}
    for row in tables.get("Document", []):
        content = row.pop("Content")
        row["size of"] = None if content is None else len(content)
        row["MD5 of"] = None if content is None else md5(content).digest()
    paths = [row["FilePath"] for row in tables.get("Radiograph", []) if row["FilePath"]]
    found = {path: practice.share.get(path.removeprefix(SHARE + "\\").replace("\\", "/")) for path in paths}
    tables["share."] = [
        {
            "Path": path,
            "Bytes": None if content is None else len(content),
            "MD5": None if content is None else md5(content).hexdigest(),
        }
        for path, content in found.items()
    ]
    return tables


def faithful_org(
    practice: Practice,
    announced: Announced,
    layout: Mapping[str, tuple[str, ...]] = LARGE,
    groups: tuple[str, ...] = (),
) -> Org:
    """What a migration that obeys the manifest would leave, of a practice that charts in Universal."""
    owned = Owners({}, LOGIN)
    source = derive(tables_of(practice), groups, announced, words.moment(ZONE), owners=owned)
    records: dict[str, Rows] = {
        "Account": [{"Id": "maple:practice:maple", "PANDA_Key__c": "maple:practice:maple"}]
    }
    keys = {"maple:practice:maple"}
    for kind in kinds(ZONE, groups):
        for raw in source[kind.table]:
            if announced.absent(kind.table, raw[kind.key]):
                continue
            row = announced.corrected(kind.table, raw[kind.key], raw)
            key = f"maple:{kind.space}:{raw[kind.key]}"
            keys.add(key)
            # A record's id is its key: nobody but the org knows more of an id than that it is one.
            record: dict[str, Any] = {"Id": key, "PANDA_Key__c": key}
            for each in kind.fields:
                record[each.name] = _as_sent(each, row)
            for reference in kind.references:
                space = reference.space
                named = "maple" if reference.column is None else row[reference.column]
                if named is None and reference.or_else is not None:
                    space, named = reference.or_else[0], row[reference.or_else[1]]
                parent = f"maple:{space}:{named}"
                record[reference.name] = parent if parent in keys else None
            records.setdefault(kind.object, []).append(record)
    if "files" in groups:
        for version in records[VERSION]:
            version |= {"ContentDocumentId": version["Id"], "OwnerId": LOGIN}
        pairs = _pairs(source["links."], keys)
        pairs += [(version["Id"], LOGIN) for version in records[VERSION]]
        records[LINK] = [
            {"ContentDocumentId": one, "LinkedEntityId": other, "ShareType": "I" if other == LOGIN else "V"}
            for one, other in pairs
        ]
    if "attendees" in groups:
        pairs = _pairs(source["attendees."], keys)
        records[ATTENDEE] = [{"EventId": one, "RelationId": other, "IsInvitee": True} for one, other in pairs]
    records["User"] = []
    fields = described(layout)
    for obj, space in ((CHART2, "exam_chart2"), (CHART3, "exam_chart3")):
        records[obj] = [
            {"PANDA_Key__c": each["PANDA_Key__c"].replace(":exam:", f":{space}:"), EXAM: each["Id"]}
            for each in records[EXAM]
            if fields[obj]
        ]
    charted: dict[str, Rows] = {}
    for row in source["PeriodontalCharting"]:
        charted.setdefault(f"maple:exam:{row['ExamID']}", []).append(row)
    records[TOOTH] = []
    for place, exam in enumerate(records[EXAM]):
        parts = {obj: records[obj][place] for obj in (EXAM, CHART2, CHART3) if fields[obj]}
        rows = charted.get(exam["Id"], [])
        kept = [row for row in rows if not announced.absent("PeriodontalCharting", row["ChartingID"])]
        exam |= {"Rejected_Teeth__c": len(rows) - len(kept), "Chart_Incomplete__c": len(rows) > len(kept)}
        teeth = (_chart_tooth(row, parts, fields) for row in kept)
        records[TOOTH] += [{EXAM: exam["Id"], **tooth} for tooth in teeth if tooth is not None]
    return Org(records, fields, LOGIN)


def _pairs(rows: Rows, keys: set[str]) -> list[tuple[str, str]]:
    pairs = [(f"maple:{row['One']}", f"maple:{row['Other'] or 'practice:maple'}") for row in rows]
    return [(one, other) for one, other in pairs if one in keys and other in keys]


def _as_sent(field: Field, row: Mapping[str, Any]) -> Any:
    value = field.reading.expected(*(row[column] for column in field.columns))
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    if not isinstance(value, tuple):
        return value
    if field.name == "Other_Insurance__c":
        return "\n".join(", ".join(pieces) for pieces in value)
    return ("\n" if field.name == "Body__c" else ";").join(value)


def _chart_tooth(
    row: Mapping[str, Any], parts: dict[str, dict[str, Any]], fields: Mapping[str, frozenset[str]]
) -> dict[str, Any] | None:
    """Fill the tooth's wide fields; its own record, where it has a value without one or is no permanent."""
    tooth, alone = row["Tooth"], {}
    permanent = tooth.isdecimal() and int(tooth) <= 32
    needed = not permanent
    for column, raw in row.items():
        prefix, _, place = column.partition("_")
        prefix = "BleedingOnProbing" if prefix == "BOP" else prefix
        if prefix not in _PLACES or raw is None:
            continue
        value = ("No", "Yes")[raw] if isinstance(raw, bool) else str(raw)
        stem = "_".join(filter(None, (prefix, place)))
        alone[f"{stem}__c"] = value
        name = f"{stem}_{('UR', 'UL', 'LL', 'LR')[(int(tooth) - 1) // 8]}{tooth}__c" if permanent else ""
        home = next((obj for obj in parts if name in fields[obj]), None)
        if home is None:
            needed = True
        else:
            parts[home][name] = value
    key = f"maple:exam_tooth:{row['ChartingID']}"
    numbers = {"ToothNumber__c": tooth, "ToothAsCharted__c": tooth}
    return {"PANDA_Key__c": key, **numbers, **alone} if needed else None


def announced_by(practice: Practice) -> Announced:
    return Announced(asdict(defect) for defect in practice.manifest.defects)
