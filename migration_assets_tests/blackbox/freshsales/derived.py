"""What other rows say of a record, put beside its row; columns and tables with a dot, as in the other
``derived``.

An account keeps some values unique: names of its accounts, and contacts' e-mails where the practice says so.
The first record with a value keeps it: providers, then referrers, then patients, each by number.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from migration_assets_tests.blackbox import names, words
from migration_assets_tests.blackbox.derived import derive as derive_above
from migration_assets_tests.blackbox.derived import left
from migration_assets_tests.blackbox.freshsales.exams import Exam, figures
from migration_assets_tests.blackbox.freshsales.reading import ACCOUNT, KEY, Account
from migration_assets_tests.blackbox.offices import Known
from migration_assets_tests.blackbox.owners import Owners, owners
from migration_assets_tests.blackbox.records import GROUPS
from migration_assets_tests.blackbox.report import Announced, Row

SHARED_EMAILS = ("second_field", "first", "as_is")
"""What becomes of an address that an earlier contact has: it moves to a second field, nowhere, or stays."""

_CONTACTS = (("Provider", "ProviderID"), ("referrers.", "ReferrerID"), ("Patient", "PatientID"))
_OWNED = (*_CONTACTS[:2], ("Patient", "PrimaryProviderID"), ("TreatmentPlan", "ProviderID"))
_CHANGED = ("Provider", "Patient", "TreatmentPlan", "TreatmentPlanLine", "referrers.")
Tables = dict[str, list[Row]]


def derive(
    source: Mapping[str, list[Row]],
    account: Account,
    announced: Announced,
    of_exams: Mapping[Any, Exam],
    zone: ZoneInfo,
    *,
    practice: str,
    name: str | None,
    accounts: str,
    shared_emails: str,
    several_practices: bool,
    default_owner: str | None,
) -> Tables:
    """Raises ValueError where the default owner isn't exactly one user who may own records."""
    own = _own_name(account, practice) if name is None else name
    behind = f" ({own})" if several_practices else ""
    known = _known(account, practice, name, behind)
    groups = tuple(each for each in GROUPS if each != "owners")
    tables = derive_above(source, groups, announced, words.moment(zone), accounts, None, known)
    # The practice's rows are the caller's: what is put beside them goes to copies.
    tables |= {table: [dict(row) for row in tables[table]] for table in _CHANGED}
    _put_names(tables, practice, own, behind)
    _put_emails(tables, announced, shared_emails)
    _put_offices(tables, announced)
    _put_totals(tables, announced)
    _put_people(tables, announced)
    theirs: dict[Any, list[Exam]] = {}
    for exam in of_exams.values():
        theirs.setdefault(exam.row["PatientID"], []).append(exam)
    told = figures(theirs)
    tables["Patient"] = [row | told(row["PatientID"]) for row in tables["Patient"]]
    _put_owners(tables, announced, _owners(source, account, announced, practice, default_owner))
    return tables


def _known(account: Account, practice: str, name: str | None, behind: str) -> Known:
    """Of a name that stands there twice the record's id is behind it, and before that what is ``behind`` all
    names but the practice's."""
    records = [
        {
            "PANDA_Key__c": row[KEY],
            "Name": _without_id(str(row.get("name")), str(row[KEY])).removesuffix(behind),
        }
        for row in account.records[ACCOUNT]
    ]
    return Known.of(practice, name, records)


def _without_id(name: str, key: str) -> str:
    return name.removesuffix(f" ({key.rpartition(':')[2]})")


def _own_name(account: Account, practice: str) -> str | None:
    names = (
        row.get("name") for row in account.records[ACCOUNT] if row[KEY] == f"{practice}:practice:{practice}"
    )
    return next(names, None)


def _put_names(tables: Tables, practice: str, own: str | None, behind: str) -> None:
    tables["practice."] = [{"PracticeID": practice, "Name": own}]
    seen: set[str] = set()
    for table, key in (("practice.", "PracticeID"), ("offices.", "OfficeID"), ("households.", "HouseholdID")):
        for row in sorted(tables.get(table, ()), key=lambda each: _number(each[key])):
            called = str(row["Name"])
            called += "" if called == own else behind
            row["distinct.Name"] = f"{called} ({row[key]})" if _folded(called) in seen else called
            seen.add(_folded(called))


def _put_emails(tables: Tables, announced: Announced, shared: str) -> None:
    seen: set[str] = set()
    for table, key in _CONTACTS:
        for row in sorted(tables[table], key=lambda each: _number(each[key])):
            if announced.absent(table, row[key]):
                continue
            email = words.text(announced.corrected(table, row[key], row)["Email"])
            again = email is not None and shared != "as_is" and _folded(email) in seen
            row["own.Email"] = None if again else email
            row["other.Email"] = email if again and shared == "second_field" else None
            if email is not None:
                seen.add(_folded(email))


def _put_offices(tables: Tables, announced: Announced) -> None:
    """A dentist belongs to the office that their own row names."""
    called = {f"office:{row['OfficeID']}": names.practice(row["Name"]) for row in tables["offices."]}
    of: dict[tuple[str, str | None], str] = {
        (tie["One"], called.get(str(tie["Other"]))): str(tie["Other"]).partition(":")[2]
        for tie in tables["ties."]
    }
    for table, space, key in (
        ("Provider", "provider", "ProviderID"),
        ("referrers.", "referrer", "ReferrerID"),
    ):
        for row in tables[table]:
            written = announced.corrected(table, row[key], row)["PracticeName"]
            own = names.practice(words.text(written))
            row["found.OfficeID"] = None if own is None else of.get((f"{space}:{row[key]}", own))


def _put_totals(tables: Tables, announced: Announced) -> None:
    """Incoming referrals by the dentist whom they name."""
    of: dict[tuple[str, Any], list[Any]] = {}
    for raw in tables["Referral"]:
        if announced.rejected("Referral", raw["ReferralID"]):
            continue
        row = announced.corrected("Referral", raw["ReferralID"], raw)
        if words.direction(row["Direction"]) == "incoming":
            dentist = ("provider", row["found.ProviderID"])
            if row["found.ProviderID"] is None:
                dentist = ("referrer", row["found.ReferrerID"])
            of.setdefault(dentist, []).append(words.day(row["ReferredAt"]))
    for table, space, key in (
        ("Provider", "provider", "ProviderID"),
        ("referrers.", "referrer", "ReferrerID"),
    ):
        for row in tables[table]:
            told = of.get((space, row[key]), [])
            days = sorted(day for day in told if isinstance(day, str))
            row["total.Referrals"] = len(told)
            row["total.First"], row["total.Last"] = (days[0], days[-1]) if days else (None, None)


def _put_people(tables: Tables, announced: Announced) -> None:
    provider = provider_names(tables["Provider"], announced)
    households = {row["PatientID"]: row.get("found.HouseholdID") for row in tables["Patient"]}
    for row in tables["Patient"]:
        mended = announced.corrected("Patient", row["PatientID"], row)
        row["primary.Provider"] = provider(mended["PrimaryProviderID"])
    patients = {}
    for row in tables["TreatmentPlan"]:
        mended = announced.corrected("TreatmentPlan", row["PlanID"], row)
        row["provider.Name"] = provider(mended["ProviderID"])
        row["found.HouseholdID"] = households.get(row["PatientID"])
        patients[row["PlanID"]] = row["PatientID"]
    for row in tables["TreatmentPlanLine"]:
        row["plan.PatientID"] = patients.get(row["PlanID"])


def provider_names(providers: Iterable[Row], announced: Announced) -> Callable[[Any], str | None]:
    """ProviderID -> ``Vale, Ida``; None for one who isn't there."""
    found = {}
    for raw in providers:
        if not announced.rejected("Provider", raw["ProviderID"]):
            row = announced.corrected("Provider", raw["ProviderID"], raw)
            parts = filter(None, (words.text(row["LastName"]), words.text(row["FirstName"])))
            found[str(raw["ProviderID"])] = ", ".join(parts) or None
    return lambda number: None if number is None else found.get(str(number).strip())


def _owners(
    source: Mapping[str, list[Row]],
    account: Account,
    announced: Announced,
    practice: str,
    default: str | None,
) -> Owners:
    """Without a default owner what is nobody's belongs to the key's user, as the practice's record does."""
    users = [
        {
            "Id": str(each["id"]),
            "Email": each.get("email"),
            "Username": each.get("email"),
            "IsActive": each.get("is_active", True),
            "UserType": "Standard",
        }
        for each in account.owners
    ]
    own = next((r for r in account.records[ACCOUNT] if r[KEY] == f"{practice}:practice:{practice}"), {})
    login = own.get("owner_id")
    staff = left(source, "StaffUser", "UserID", announced)
    providers = left(source, "Provider", "ProviderID", announced)
    return owners(staff, providers, users, None if login is None else str(login), default)


def _put_owners(tables: Tables, announced: Announced, found: Owners) -> None:
    keys = {
        "Provider": "ProviderID",
        "Patient": "PatientID",
        "TreatmentPlan": "PlanID",
        "referrers.": "ReferrerID",
    }
    for table, column in _OWNED:
        for row in tables[table]:
            mended = announced.corrected(table, row[keys[table]], row)
            row["owner.UserID"] = found.of(mended[column])


def _number(written: Any) -> tuple[int, str]:
    digits = re.search("[0-9]+", str(written))
    return (int(digits[0]) if digits else 0, str(written))


def _folded(text: str) -> str:
    return text.strip().lower()
