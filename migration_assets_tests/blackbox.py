"""An independent check that an org holds what a practice's database holds: every patient, exam and site.

    python -m migration_assets_tests.blackbox --practice maple --instance-url https://... --token ...

It shares no code with the platform or its stand-ins (it imports neither), reads the source with pyodbc and
the org with an unmodified simple-salesforce, and compares by its own formulas (``blackbox_compare``). What
may differ is only what a manifest announces: rows rejected, held back or corrected. Exit status 0: the same,
1: something differs, 2: the check could not run.

Every option can stand on the command line, in a JSON file (``--config``, the option's name with ``_``), or
in the environment (``BLACKBOX_TOKEN`` for ``--token``). Instead of one ODBC string the environment may hold
its pieces: ``BLACKBOX_ODBC_DRIVER``, ``BLACKBOX_ODBC_SERVER``, ``BLACKBOX_ODBC_PWD``...

Output names objects, fields and source keys; values of patients only with ``--show-values``.
"""

import argparse
import csv
import io
import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pyodbc
import requests
from simple_salesforce.api import Salesforce

from migration_assets_tests.blackbox_compare import (
    ACCOUNT_QUERY,
    CHART_COLUMNS,
    CONTACT_QUERY,
    EXAM_COLUMNS,
    EXAM_QUERY,
    PATIENT_COLUMNS,
    Announced,
    Difference,
    Org,
    Report,
    Row,
    Source,
    compare,
)

SHOWN_KEYS = 8


def read_source(connection: pyodbc.Connection) -> Source:
    def read(table: str, columns: tuple[str, ...]) -> list[Row]:
        rows = connection.cursor().execute(f"SELECT {', '.join(columns)} FROM dbo.{table}").fetchall()
        return [dict(zip(columns, row, strict=True)) for row in rows]

    return Source(
        read("Patient", PATIENT_COLUMNS),
        read("ClinicalExam", EXAM_COLUMNS),
        read("PeriodontalCharting", CHART_COLUMNS),
    )


def read_org(salesforce: Salesforce, practice: str) -> Org:
    """All records with a key of the practice; exams by Bulk API 2.0, as a query of 400 fields fits no URI."""

    def soql(obj: str, fields: tuple[str, ...]) -> str:
        return f"SELECT {', '.join(fields)} FROM {obj} WHERE PANDA_Key__c LIKE '{practice}:%'"

    def own(records: Iterable[Row]) -> list[Row]:
        # "_" in a practice's name is a wildcard of LIKE, so it may have matched a neighbour.
        return [record for record in records if str(record["PANDA_Key__c"]).startswith(f"{practice}:")]

    def bulk(obj: str, fields: tuple[str, ...]) -> Iterator[Row]:
        for page in getattr(salesforce.bulk2, obj).query(soql(obj, fields), wait=0.5):
            yield from csv.DictReader(io.StringIO(page, newline=""))

    csv.field_size_limit(10_000_000)
    return Org(
        own(salesforce.query_all_iter(soql("Account", ACCOUNT_QUERY))),
        own(salesforce.query_all_iter(soql("Contact", CONTACT_QUERY))),
        own(
            {name: value or None for name, value in row.items()}
            for row in bulk("ClinicalExam__c", EXAM_QUERY)
        ),
    )


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


def print_report(report: Report, show_values: bool) -> None:
    for name, count in sorted(report.counts.items()):
        print(f"{name}: {count}")
    groups: dict[tuple[str, str, str], list[Difference]] = defaultdict(list)
    for difference in report.differences:
        groups[(difference.object, difference.field, difference.kind)].append(difference)
    print(f"differences: {len(report.differences)}")
    for (obj, name, kind), found in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        keys = ", ".join(difference.key for difference in found[:SHOWN_KEYS])
        print(f"  {obj}.{name} {kind}: {len(found)} ({keys}{', ...' if len(found) > SHOWN_KEYS else ''})")
        if show_values:
            for difference in found[:SHOWN_KEYS]:
                print(f"    {difference.key}: source {difference.source!r}, org {difference.org!r}")


def odbc_from_pieces(environment: dict[str, str]) -> str:
    """An ODBC connection string of every ``BLACKBOX_ODBC_*`` variable, each value in braces."""
    pieces = {
        name.removeprefix("BLACKBOX_ODBC_"): value
        for name, value in environment.items()
        if name.startswith("BLACKBOX_ODBC_")
    }
    return ";".join(f"{name}={{{value.replace('}', '}}')}}}" for name, value in sorted(pieces.items()))


def options(arguments: list[str]) -> argparse.Namespace:
    """Options by precedence: the command line, the JSON file, the environment."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, help="JSON file of options")
    names = (
        "odbc",
        "instance-url",
        "token",
        "client-id",
        "client-secret",
        "ca",
        "practice",
        "zone",
        "expect-manifest",
    )
    for name in names:
        parser.add_argument(f"--{name}")
    parser.add_argument(
        "--other-kinds", nargs="*", default=[], help="kinds of keys that are not compared, such as provider"
    )
    parser.add_argument("--show-values", action="store_true")
    chosen = parser.parse_args(arguments)
    configured = json.loads(chosen.config.read_text(encoding="utf-8")) if chosen.config else {}
    for name in (option.replace("-", "_") for option in names):
        if getattr(chosen, name) is None:
            setattr(chosen, name, configured.get(name) or os.environ.get(f"BLACKBOX_{name.upper()}"))
    chosen.odbc = chosen.odbc or odbc_from_pieces(dict(os.environ))
    missing = [name for name in ("odbc", "instance_url", "practice") if not getattr(chosen, name)]
    if missing or not (chosen.token or (chosen.client_id and chosen.client_secret)):
        parser.error(f"missing: {', '.join(missing) or 'a token, or a client id and its secret'}")
    return chosen


def main(arguments: list[str] | None = None) -> int:
    chosen = options(sys.argv[1:] if arguments is None else arguments)
    try:
        defects = (
            json.loads(Path(chosen.expect_manifest).read_text(encoding="utf-8"))["defects"]
            if chosen.expect_manifest
            else ()
        )
        with closing(pyodbc.connect(chosen.odbc, autocommit=True, readonly=True, timeout=30)) as connection:
            source = read_source(connection)
        client = (chosen.client_id, chosen.client_secret)
        org = read_org(
            sign_in(chosen.instance_url.rstrip("/"), chosen.token, client, chosen.ca), chosen.practice
        )
    except Exception as error:
        # Driver and API messages quote connection strings and values; their type says enough without.
        print(f"could not check: {type(error).__module__}.{type(error).__name__}", file=sys.stderr)
        if chosen.show_values:
            raise
        return 2
    zone = ZoneInfo(chosen.zone or "America/New_York")
    report = compare(source, org, chosen.practice, zone, Announced(defects), tuple(chosen.other_kinds))
    print_report(report, chosen.show_values)
    return 1 if report.differences else 0


if __name__ == "__main__":
    sys.exit(main())
