"""Records that only join two others and have no key: links of files, who is invited to an event, and who is
tied to further accounts.

A relation is known by the two records' ids; one that joins a record of ours and something else is one too
many, but for what the platform makes by itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from migration_assets_tests.blackbox.files import LINK
from migration_assets_tests.blackbox.report import Report, Row

ATTENDEE, TIE = "EventRelation", "AccountContactRelation"
_USER = "005"
_PEOPLE = ("patient", "provider", "referrer")


@dataclass(frozen=True)
class Records:
    """The org's records by key as they were compared, and the ids of all that have a key."""

    practice: str
    found: Mapping[str, Row]
    keys: Mapping[str, str]
    other: tuple[str, ...]

    @classmethod
    def of(
        cls,
        practice: str,
        found: Mapping[str, Row],
        records: Mapping[str, list[Row]],
        other: tuple[str, ...],
    ) -> "Records":
        keyed = (row for rows in records.values() for row in rows if "PANDA_Key__c" in row and "Id" in row)
        return cls(practice, found, {str(row["Id"]): str(row["PANDA_Key__c"]) for row in keyed}, other)

    def pairs(self, wanted: Iterable[Row], id_field: str = "Id") -> dict[tuple[str, str], tuple[str, str]]:
        """The ids of those pairs of keys of which both records are there, each with its keys."""
        own = f"practice:{self.practice}"
        full = [(f"{self.practice}:{row['One']}", f"{self.practice}:{row['Other'] or own}") for row in wanted]
        return {
            (str(self.found[one][id_field]), str(self.found[other]["Id"])): (one, other)
            for one, other in full
            if one in self.found and other in self.found
        }

    def named(self, one: str, record: str) -> str | None:
        """What a relation of the record with key ``one`` is called; None where nobody compares it."""
        key = self.keys.get(record, record)
        return None if one.startswith(self.other) or key.startswith(self.other) else f"{one}+{key}"


def compare_links(report: Report, records: Records, wanted: Iterable[Row], links: Iterable[Row]) -> None:
    """``wanted``: keys of a file (``One``) and a record (``Other``, None for the practice's own).

    A file's document is linked to its owner besides.
    """
    documents = {
        row["ContentDocumentId"]: key for key, row in records.found.items() if "ContentDocumentId" in row
    }
    ours = [
        ((row["ContentDocumentId"], row["LinkedEntityId"]), row)
        for row in links
        if row["ContentDocumentId"] in documents and not _is_owners(row, records, documents)
    ]
    pairs = records.pairs(wanted, "ContentDocumentId")
    _compare(report, LINK, records, pairs, ours, documents)
    for pair, row in ours:
        if pair in pairs:
            report.counts[f"{LINK} fields compared"] += 1
            if row.get("ShareType") != "V":
                report.differs(LINK, "ShareType", "+".join(pairs[pair]), "V", row.get("ShareType"))


def compare_attendees(
    report: Report, records: Records, wanted: Iterable[Row], relations: Iterable[Row]
) -> None:
    """``wanted``: keys of an event (``One``) and a person invited to it (``Other``).

    In an org with Shared Activities an event's own WhoId and WhatId have relations too, without invitation.
    """
    events = {str(row["Id"]): key for key, row in records.found.items() if ":appointment:" in key}
    ours = []
    for row in relations:
        event = str(row["EventId"])
        if event in events and not row.get("IsDeleted"):
            record = records.found[events[event]]
            invited = str(row.get("IsInvitee", True)).lower() == "true"
            if invited or row["RelationId"] not in (record.get("WhoId"), record.get("WhatId")):
                ours.append(((event, row["RelationId"]), row | {"invited": invited}))
    pairs = records.pairs(wanted)
    _compare(report, ATTENDEE, records, pairs, ours, events)
    for pair, row in ours:
        if pair in pairs:
            report.counts[f"{ATTENDEE} fields compared"] += 1
            if not row["invited"]:
                report.differs(ATTENDEE, "IsInvitee", "+".join(pairs[pair]), True, False)


def compare_ties(report: Report, records: Records, wanted: Iterable[Row], relations: Iterable[Row]) -> None:
    """``wanted``: keys of a contact (``One``) and an account (``Other``, None for the practice's own).

    What ties a contact to its own account is the platform's.
    """
    people = {str(row["Id"]): key for key, row in records.found.items() if key.split(":")[1] in _PEOPLE}
    ours = [
        ((str(row["ContactId"]), row["AccountId"]), row)
        for row in relations
        if row["ContactId"] in people and not row["IsDirect"]
    ]
    pairs = records.pairs(wanted)
    _compare(report, TIE, records, pairs, ours, people)
    for pair, row in ours:
        if pair in pairs:
            report.counts[f"{TIE} fields compared"] += 1
            if not row["IsActive"]:
                report.differs(TIE, "IsActive", "+".join(pairs[pair]), True, row["IsActive"])


def _compare(
    report: Report,
    obj: str,
    records: Records,
    pairs: Mapping[tuple[str, str], tuple[str, str]],
    there: Iterable[tuple[tuple[str, str], Row]],
    ours: Mapping[str, str],
) -> None:
    met: set[tuple[str, str]] = set()
    for pair, _ in there:
        name = records.named(ours[pair[0]], pair[1])
        if name is not None and (pair in met or pair not in pairs):
            report.add("doubled" if pair in met else "extra", obj, "Id", name)
        met.add(pair)
    compared = {pair: keys for pair, keys in pairs.items() if records.named(keys[0], pair[1]) is not None}
    report.counts[f"{obj} records compared"] = len(compared.keys() & met)
    for pair in compared.keys() - met:
        report.add("missing", obj, "Id", "+".join(pairs[pair]))


def _is_owners(link: Row, records: Records, documents: Mapping[str, str]) -> bool:
    owner = records.found[documents[link["ContentDocumentId"]]].get("OwnerId")
    return str(link["LinkedEntityId"]).startswith(_USER) and link["LinkedEntityId"] == owner
