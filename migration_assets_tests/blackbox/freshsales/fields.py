"""What each field of contacts, accounts, deals and plan lines must hold, out of which columns.

Custom fields are named by their labels. Columns with a dot are made in ``derived``. Notes, appointments and
files have no fields: they stand in ``notes`` and ``files``.
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from migration_assets_tests.blackbox import words
from migration_assets_tests.blackbox.freshsales.reading import ACCOUNT, CONTACT, DEAL, LINE
from migration_assets_tests.blackbox.kind import (
    FLAG,
    LINES,
    NUMBER,
    PERCENT,
    TEXT,
    Field,
    Kind,
    Reading,
    Reference,
    always,
    fields_of,
    word,
)
from migration_assets_tests.blackbox.records import SAYING
from migration_assets_tests.blackbox.words import UNUSABLE

OTHER_EMAIL = "Other Email"
_LONGEST_NAME = 255
_ROLES = {
    **{"periodontist": "Periodontist", "dds": "DDS", "dmd": "DMD"},
    **dict.fromkeys(("rdh", "hygienist", "dental hygienist", "registered dental hygienist"), "RDH"),
    **dict.fromkeys(
        ("office staff", "office manager", "front desk", "receptionist", "billing"), "Office Staff"
    ),
}
_DEGREES = ("DDS", "DMD", "RDH")
_STAGES = {
    None: "Consultation",
    "proposed": "Consultation",
    "accepted": "Accepted",
    "in-progress": "In Treatment",
    "completed": "Completed",
    "declined": "Lost",
}

Roles = tuple[str, ...]


def as_day(value: Any) -> str | None:
    """A date, or midnight of one with the account's offset."""
    return None if not value else str(value)[:10]


def _as_list(value: Any) -> tuple[str, ...]:
    return words.as_credentials(";".join(value) if isinstance(value, list) else value)


def role(written: Any, specialty: Any, credentials: Any) -> Roles:
    """By the role, else the specialty, else the credentials, of which any may count."""
    known = _ROLES.get(
        " ".join((words.text(written) or "").casefold().replace("-", " ").replace("_", " ").split())
    )
    if known is not None:
        return (known,)
    if words.specialty(specialty) == "Periodontics":
        return ("Periodontist",)
    return tuple(each for each in words.credentials(credentials) if each in _DEGREES)


def _plays(wanted: Roles, held: str | None) -> bool:
    return held in wanted if wanted else held is None


def plan_cost(value: Any) -> Any:
    cost = _cost(value)
    return Decimal(0) if cost is None else cost


_cost = words.within(0, 10**12, "0.01")
_COST = Reading(_cost, words.number)
_WEEKS = Reading(words.within(0, 260), words.number)
_DAY = Reading(words.day, as_day)
_AS_IT_IS = word(lambda value: value)
_COUNT = Reading(lambda value: value, words.number)
_CREDENTIALS = Reading(words.credentials, _as_list)
_ROLE = Reading(role, words.as_text, _plays)
_KNOWN_DAY = Reading(lambda value: value, as_day)


def _stage(status: Any) -> Any:
    known = words.plan_status(status)
    return UNUSABLE if known is UNUSABLE else _STAGES[known if isinstance(known, str) else None]


def kinds(zone: ZoneInfo, accounts: str, *, modules: bool, other_email: bool = True) -> tuple[Kind, ...]:
    """All kinds of a practice in that zone; ``accounts`` is what it hangs its patients on. Without
    ``modules`` the lines of plans are notes; without ``other_email`` a contact has no field for a second.
    """
    utc = words.moment(zone)

    def day_of(local: datetime | None) -> str | None:
        moment = utc(local)
        return None if moment is None else moment.astimezone(zone).date().isoformat()

    created = ("Original_Create_Date__c", "CreatedAt", Reading(day_of, as_day))
    patients_account = _patients_account(accounts)
    found = (
        Kind("practices", ACCOUNT, "practice", "practice.", "PracticeID", _NAME, ()),
        Kind("offices", ACCOUNT, "office", "offices.", "OfficeID", _NAME, ()),
        *((_HOUSEHOLD,) if accounts == "household" else ()),
        _provider(created),
        _referrer(),
        _patient(created, patients_account),
        _plan(created, patients_account),
    )
    if not other_email:
        found = tuple(
            replace(kind, fields=tuple(each for each in kind.fields if each.name != OTHER_EMAIL))
            for kind in found
        )
    return (*found, _PLAN_LINE) if modules else found


_NAME = fields_of(("name", "distinct.Name", _AS_IT_IS))
_HOUSEHOLD = Kind("households", ACCOUNT, "household", "households.", "HouseholdID", _NAME, ())
_OWNER = fields_of(("owner_id", "owner.UserID", TEXT))


def _patients_account(accounts: str) -> tuple[Reference, ...]:
    return {
        "practice": (Reference("sales_account", "practice"),),
        "household": (Reference("sales_account", "household", "found.HouseholdID"),),
    }.get(accounts, ())


def _nothing(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, (), Reading(lambda: None, words.as_text)) for name in names)


def _of_a_dentist() -> tuple[Field, ...]:
    return fields_of(
        ("last_name", "LastName", TEXT),
        ("first_name", "FirstName", TEXT),
        ("email", "own.Email", _AS_IT_IS),
        (OTHER_EMAIL, "other.Email", _AS_IT_IS),
        ("work_number", "Phone", TEXT),
        ("Provider", "", always(True)),
        ("Credentials", "Credentials", _CREDENTIALS),
        ("Credentials as Written", "Credentials", TEXT),
        ("Practice Name", "PracticeName", TEXT),
        ("Referring_Dentist_Total_Referrals__c", "total.Referrals", _COUNT),
        ("First Referral Date", "total.First", _KNOWN_DAY),
        ("Last Referral Date", "total.Last", _KNOWN_DAY),
        ("Chart Incomplete", "", always(False)),
    )


_OFFICE = Reference("sales_account", "office", "found.OfficeID", optional=True)


def _provider(created: tuple[str, str, Reading]) -> Kind:
    fields = fields_of(
        ("Inactive", "Active", Reading(words.opposite, words.flag)),
        created,
        ("Provider_Role__c", "Role Specialty Credentials", _ROLE),
        ("Provider Role as Written", "Role", TEXT),
        ("NPI__c", "NPI", word(words.npi)),
        ("Specialty", "Specialty", word(words.specialty)),
        ("Specialty as Written", "Specialty", TEXT),
        ("Referring_Dentist__c", "IsReferring", FLAG),
    )
    table = ("Provider", "ProviderID")
    return Kind("providers", CONTACT, "provider", *table, _of_a_dentist() + fields + _OWNER, (_OFFICE,))


def _referrer() -> Kind:
    no_role = Reading(lambda credentials: role(None, None, credentials), words.as_text, _plays)
    fields = fields_of(
        ("Inactive", "", always(False)),
        ("Provider_Role__c", "Credentials", no_role),
        ("Referring_Dentist__c", "", always(True)),
    )
    table = ("referrers.", "ReferrerID")
    return Kind("referrers", CONTACT, "referrer", *table, _of_a_dentist() + fields + _OWNER, (_OFFICE,))


def _patient(created: tuple[str, str, Reading], account: tuple[Reference, ...]) -> Kind:
    fields = fields_of(
        ("last_name", "LastName", TEXT),
        ("first_name", "FirstName", TEXT),
        ("Middle Name", "MiddleName", TEXT),
        ("Preferred Name", "PreferredName", TEXT),
        ("Birth Date", "DateOfBirth", _DAY),
        ("Sex", "Sex", word(words.sex)),
        ("email", "own.Email", _AS_IT_IS),
        (OTHER_EMAIL, "other.Email", _AS_IT_IS),
        ("mobile_number", "MobilePhone", TEXT),
        ("work_number", "WorkPhone", TEXT),
        ("Home Phone", "HomePhone", TEXT),
        ("address", "Address1 Address2", Reading(words.street, words.as_lines)),
        ("city", "City", TEXT),
        ("state", "State", TEXT),
        ("zipcode", "Zip", TEXT),
        ("PANDA_Chart_Number__c", "ChartNumber", TEXT),
        ("PANDA Bridge ID", "BridgeID", TEXT),
        ("Inactive", "Inactive", FLAG),
        created,
        ("Primary Provider", "primary.Provider", _AS_IT_IS),
        ("Provider", "", always(False)),
        ("Referring_Dentist__c", "", always(False)),
        ("Periodontal_Stage__c", "patient.Stage", word(words.stage)),
        ("Periodontal_Grade__c", "patient.Grade", word(words.grade)),
        ("Periodontal Extent", "patient.Extent", word(words.extent)),
        ("Staging Date", "patient.StagedAt", _DAY),
        ("Classification History", "patient.History", LINES),
    )
    none = () if account else _nothing("sales_account")
    all_fields = fields + _figures() + _insured() + _OWNER + none
    return Kind("patients", CONTACT, "patient", "Patient", "PatientID", all_fields, account)


def _figures() -> tuple[Field, ...]:
    """Of one exam: see ``exams``."""
    return fields_of(
        ("Last_Pocket_Depth_MM__c", "chart.Deepest", _COUNT),
        ("Most_Recent_Pocket_Depth_Avg__c", "chart.Mean", _COUNT),
        ("Deepest Site", "chart.Site", _AS_IT_IS),
        ("Sites Probed", "chart.Probed", _COUNT),
        ("Sites of 4 mm and More", "chart.From4", _COUNT),
        ("Sites of 6 mm and More", "chart.From6", _COUNT),
        ("Gingival_Recession_MM__c", "chart.Recession", _COUNT),
        ("BOP__c", "chart.Bleeding", _COUNT),
        ("Furcation_Involvement__c", "chart.Furcation", _COUNT),
        ("Mobility__c", "chart.Mobility", _COUNT),
        ("Chart Incomplete", "chart.Incomplete", FLAG),
        ("Charted On", "chart.On", _KNOWN_DAY),
        ("Charted Exam", "chart.Exam", TEXT),
        ("First Charting Visit", "visits.First", _KNOWN_DAY),
        ("Previous Charting Visit", "visits.Previous", _KNOWN_DAY),
        ("Last Charting Visit", "visits.Last", _KNOWN_DAY),
        ("Charting Visits", "visits.Count", _COUNT),
        ("Charting Visit Dates", "visits.Dates", LINES),
    )


def _insured() -> tuple[Field, ...]:
    fields: tuple[Field, ...] = ()
    for place, labels in (
        ("primary", ("Insurance_Carrier__c", "Policy_Number__c", "Group_Number__c", "")),
        (
            "secondary",
            (
                "Secondary Insurance Carrier",
                "Secondary Policy Number",
                "Secondary Group Number",
                "Secondary ",
            ),
        ),
    ):
        fields += fields_of(
            (labels[0], f"{place}.Carrier", TEXT),
            (labels[1], f"{place}.PolicyNumber", TEXT),
            (labels[2], f"{place}.GroupNumber", TEXT),
            *(
                (f"{labels[3]}Coverage {share} (%)", f"{place}.Coverage{share}", PERCENT)
                for share in ("Preventive", "Basic", "Major")
            ),
        )
    return fields + fields_of(("Other Insurance", "other.Insurances", SAYING))


def _plan(created: tuple[str, str, Reading], account: tuple[Reference, ...]) -> Kind:
    fields = fields_of(
        ("name", "PlanName", word(words.title)),
        ("amount", "EstimatedCost", Reading(plan_cost, words.number)),
        ("deal_stage", "Status", word(_stage)),
        ("Plan Name", "PlanName", TEXT),
        ("Plan Status", "Status", word(words.plan_status)),
        ("Treatment Type", "TreatmentType", TEXT),
        ("Estimated Cost", "EstimatedCost", _COST),
        ("Provider", "provider.Name", _AS_IT_IS),
        ("Proposed Date", "ProposedAt", _DAY),
        ("Accepted Date", "AcceptedAt", _DAY),
        ("Completed Date", "CompletedAt", _DAY),
        created,
    )
    none = () if account else _nothing("sales_account")
    return Kind("plans", DEAL, "plan", "TreatmentPlan", "PlanID", fields + _OWNER + none, account)


def _line_name(code: Any, site: Any, phase: Any) -> Any:
    known = words.procedure_code(code)
    if known is UNUSABLE:
        return UNUSABLE
    parts = [part for part in (known, words.text(site), words.text(phase)) if part]
    whole = ", ".join(map(str, parts)) or "Procedure"
    return whole if len(whole) <= _LONGEST_NAME else whole[: _LONGEST_NAME - 1] + "…"


_PLAN_LINE = Kind(
    "plan lines",
    LINE,
    "plan_line",
    "TreatmentPlanLine",
    "LineID",
    fields_of(
        ("name", "ProcedureCode ToothSite Phase", word(_line_name)),
        ("Sequence", "Sequence", NUMBER),
        ("Phase", "Phase", TEXT),
        ("CDT Code", "ProcedureCode", word(words.procedure_code)),
        ("Description", "Description", LINES),
        ("Tooth Site", "ToothSite", TEXT),
        ("Estimated Cost", "EstimatedCost", _COST),
        ("Healing Interval (weeks)", "HealingWeeks", _WEEKS),
        ("Scheduled Date", "ScheduledDate", _DAY),
        ("Status", "Status", TEXT),
    ),
    (Reference("Deal", "plan", "PlanID"), Reference("Contact", "patient", "plan.PatientID")),
)

STANDARD = frozenset(
    {
        *("external_id", "sales_account", "owner_id", "last_name", "first_name", "email", "mobile_number"),
        *("work_number", "address", "city", "state", "zipcode", "name", "amount", "deal_stage"),
    }
)
"""Fields that every account has; all others are custom ones, by label."""
