"""The two ends of the wire: a practice's database by pyodbc, an org by an unmodified simple-salesforce."""

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping

import pyodbc
import requests
from simple_salesforce.api import Salesforce

from migration_assets_tests.blackbox.compare import (
    ARCHIVED_OBJECTS,
    BIG_OBJECTS,
    RELATIONS,
    USER,
    Org,
    Source,
    org_objects,
    query_fields,
    source_columns,
)
from migration_assets_tests.blackbox.files import COMPUTED, LINK, VERSION
from migration_assets_tests.blackbox.records import GROUPS, with_needed
from migration_assets_tests.blackbox.relations import ATTENDEE, TIE
from migration_assets_tests.blackbox.report import Row
from migration_assets_tests.blackbox.share import look_at

_LINKS_A_QUERY = 200


def read_source(
    connection: pyodbc.Connection,
    groups: Collection[str] = GROUPS,
    shares: Mapping[str, str] | None = None,
) -> Source:
    """Rows by table; ``shares``: beginning of paths -> folder where that share is mounted."""

    def read(table: str, columns: tuple[str, ...]) -> list[Row]:
        # One of the columns is called Plan, which is a word of T-SQL's.
        named = ", ".join(COMPUTED.get(column, f"[{column}]") for column in columns)
        rows = connection.cursor().execute(f"SELECT {named} FROM dbo.{table}").fetchall()
        return [dict(zip(columns, row, strict=True)) for row in rows]

    source = {table: read(table, columns) for table, columns in source_columns(groups).items()}
    if "files" in groups:
        paths = (row["FilePath"] for row in source["Radiograph"])
        source["share."] = look_at((path for path in paths if path), shares or {})
    return source


def read_org(salesforce: Salesforce, practice: str, groups: Collection[str] = GROUPS) -> Org:
    """All records with a key of the practice, archived ones too, what joins them, the users, and which fields
    the objects have.

    Charts come by Bulk API 2.0, since a query of 400 fields fits no URI.
    """
    groups = with_needed(groups)
    csv.field_size_limit(10_000_000)
    present = {each["name"] for each in (salesforce.describe() or {})["sobjects"]}
    described = {
        obj: frozenset(each["name"] for each in getattr(salesforce, obj).describe()["fields"])
        for obj in (*org_objects(groups), *(obj for group, obj in RELATIONS.items() if group in groups))
        if obj in present
    }
    records: dict[str, list[Row]] = {}
    for obj, there in described.items():
        if obj in RELATIONS.values():
            continue
        if "PANDA_Key__c" not in there:
            records[obj] = []
            continue
        fields = ", ".join(query_fields(obj, described, groups))
        latest = " AND IsLatest = true" if obj == VERSION else ""
        soql = f"SELECT {fields} FROM {obj} WHERE PANDA_Key__c LIKE '{practice}:%'{latest}"
        # "_" in a practice's name is a wildcard of LIKE, so it may have matched a neighbour.
        records[obj] = [
            row
            for row in _query(salesforce, obj, soql)
            if str(row["PANDA_Key__c"]).startswith(f"{practice}:") and not row.get("IsDeleted")
        ]
    if LINK in described:
        records[LINK] = list(_links(salesforce, records.get(VERSION, [])))
    if ATTENDEE in described:
        records[ATTENDEE] = list(_attendees(salesforce, practice, described))
    if TIE in described:
        records[TIE] = list(_ties(salesforce, practice, described))
    if "owners" in groups:
        records[USER] = list(salesforce.query_all_iter(_USERS))
        return Org(records, described, _login(salesforce))
    return Org(records, described)


_USERS = "SELECT Id, Email, Username, IsActive, UserType, Profile.UserLicense.LicenseDefinitionKey FROM User"


def _links(salesforce: Salesforce, versions: Iterable[Row]) -> Iterator[Row]:
    """By document, since an org answers no other question about links."""
    documents = [str(row["ContentDocumentId"]) for row in versions]
    for start in range(0, len(documents), _LINKS_A_QUERY):
        ids = ", ".join(f"'{each}'" for each in documents[start : start + _LINKS_A_QUERY])
        fields = "ContentDocumentId, LinkedEntityId, ShareType"
        yield from salesforce.query_all_iter(
            f"SELECT {fields} FROM {LINK} WHERE ContentDocumentId IN ({ids})"
        )


def _attendees(
    salesforce: Salesforce, practice: str, described: Mapping[str, frozenset[str]]
) -> Iterator[Row]:
    """Relations of archived events too, and of deleted ones, which the comparison passes over."""
    if "PANDA_Key__c" not in described.get("Event", frozenset()):
        return
    names = ("Id", "EventId", "RelationId", "IsInvitee", "IsDeleted")
    fields = ", ".join(name for name in names if name in described[ATTENDEE])
    soql = f"SELECT {fields} FROM {ATTENDEE} WHERE Event.PANDA_Key__c LIKE '{practice}:%'"
    yield from salesforce.query_all_iter(soql, include_deleted=True)


def _ties(salesforce: Salesforce, practice: str, described: Mapping[str, frozenset[str]]) -> Iterator[Row]:
    if "PANDA_Key__c" not in described.get("Contact", frozenset()):
        return
    fields = "ContactId, AccountId, IsDirect, IsActive"
    soql = f"SELECT {fields} FROM {TIE} WHERE Contact.PANDA_Key__c LIKE '{practice}:%'"
    yield from salesforce.query_all_iter(soql)


def _login(salesforce: Salesforce) -> str:
    url = f"https://{salesforce.sf_instance}/services/oauth2/userinfo"
    answer = salesforce.session.get(url, headers=salesforce.headers, timeout=30)
    answer.raise_for_status()
    return str(answer.json()["user_id"])


def _query(salesforce: Salesforce, obj: str, soql: str) -> Iterator[Row]:
    if obj in BIG_OBJECTS:
        return _bulk(salesforce, obj, soql)
    return salesforce.query_all_iter(soql, include_deleted=obj in ARCHIVED_OBJECTS)


def _bulk(salesforce: Salesforce, obj: str, soql: str) -> Iterator[Row]:
    for page in getattr(salesforce.bulk2, obj).query(soql, wait=0.5):
        for row in csv.DictReader(io.StringIO(page, newline="")):
            yield {name: value or None for name, value in row.items()}


def sign_in(url: str, token: str | None, client: tuple[str | None, str | None], ca: str | None) -> Salesforce:
    """A session by access token, or by the client credentials flow where there is none."""
    session = requests.Session()
    if ca:
        # REQUESTS_CA_BUNDLE would win over the session's own authority.
        session.trust_env = False
        session.verify = ca
    if not token:
        form = {"grant_type": "client_credentials", "client_id": client[0], "client_secret": client[1]}
        answer = session.post(f"{url}/services/oauth2/token", data=form, timeout=30)
        answer.raise_for_status()
        token, url = answer.json()["access_token"], answer.json().get("instance_url", url)
    return Salesforce(instance_url=url, session_id=token, session=session)
