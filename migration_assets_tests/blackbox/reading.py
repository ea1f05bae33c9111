"""The two ends of the wire: a practice's database by pyodbc, an org by an unmodified simple-salesforce."""

import csv
import io
from collections.abc import Collection, Iterator

import pyodbc
import requests
from simple_salesforce.api import Salesforce

from migration_assets_tests.blackbox.compare import (
    ARCHIVED_OBJECTS,
    BIG_OBJECTS,
    Org,
    Source,
    org_objects,
    query_fields,
    source_columns,
)
from migration_assets_tests.blackbox.records import GROUPS
from migration_assets_tests.blackbox.report import Row


def read_source(connection: pyodbc.Connection, groups: Collection[str] = GROUPS) -> Source:
    def read(table: str, columns: tuple[str, ...]) -> list[Row]:
        # One of the columns is called Plan, which is a word of T-SQL's.
        named = ", ".join(f"[{column}]" for column in columns)
        rows = connection.cursor().execute(f"SELECT {named} FROM dbo.{table}").fetchall()
        return [dict(zip(columns, row, strict=True)) for row in rows]

    return {table: read(table, columns) for table, columns in source_columns(groups).items()}


def read_org(salesforce: Salesforce, practice: str, groups: Collection[str] = GROUPS) -> Org:
    """All records with a key of the practice, archived ones too, and which fields the objects have.

    Charts come by Bulk API 2.0, since a query of 400 fields fits no URI.
    """
    csv.field_size_limit(10_000_000)
    present = {each["name"] for each in (salesforce.describe() or {})["sobjects"]}
    described = {
        obj: frozenset(each["name"] for each in getattr(salesforce, obj).describe()["fields"])
        for obj in org_objects(groups)
        if obj in present
    }
    records: dict[str, list[Row]] = {}
    for obj, there in described.items():
        if "PANDA_Key__c" not in there:
            records[obj] = []
            continue
        fields = ", ".join(query_fields(obj, described, groups))
        soql = f"SELECT {fields} FROM {obj} WHERE PANDA_Key__c LIKE '{practice}:%'"
        # "_" in a practice's name is a wildcard of LIKE, so it may have matched a neighbour.
        records[obj] = [
            row
            for row in _query(salesforce, obj, soql)
            if str(row["PANDA_Key__c"]).startswith(f"{practice}:") and not row.get("IsDeleted")
        ]
    return Org(records, described)


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
