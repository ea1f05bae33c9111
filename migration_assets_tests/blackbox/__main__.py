"""An independent check that a destination holds what a practice's database holds: every record, every cell.

    python -m migration_assets_tests.blackbox --practice maple --instance-url https://... --token ...
    python -m migration_assets_tests.blackbox --destination freshsales --practice maple --bundle-url https://...

It shares no code with the platform or its stand-ins (it imports neither), reads the source with pyodbc, a
Salesforce org with an unmodified simple-salesforce and a Freshsales account by its public API, and compares
by its own formulas. What may differ is only what a manifest announces: rows rejected, held back or corrected.
Exit status 0: the same, 1: something differs, 2: the check could not run.

Every option can stand on the command line, in a JSON file (``--config``, the option's name with ``_``), or
in the environment (``BLACKBOX_TOKEN`` for ``--token``), where secrets belong. Instead of one ODBC
string the environment may hold its pieces: ``BLACKBOX_ODBC_DRIVER``, ``BLACKBOX_ODBC_SERVER``,
``BLACKBOX_ODBC_PWD``...

Output names objects, fields and source keys; values of patients only with ``--show-values``.
"""

import argparse
import json
import sys
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pyodbc

from migration_assets_tests.blackbox.compare import compare
from migration_assets_tests.blackbox.contents import compare_contents, read_contents
from migration_assets_tests.blackbox.files import VERSION
from migration_assets_tests.blackbox.freshsales.check import check as check_account
from migration_assets_tests.blackbox.options import options
from migration_assets_tests.blackbox.reading import read_org, read_source, sign_in
from migration_assets_tests.blackbox.report import Announced, Difference, Report

SHOWN_KEYS = 8
LACKING = ("no such object", "no such field")


def print_report(report: Report, show_values: bool) -> None:
    for name, count in sorted(report.counts.items()):
        print(f"{name}: {count}")
    groups: dict[tuple[str, str, str], list[Difference]] = defaultdict(list)
    for difference in report.differences:
        groups[(difference.object, difference.field, difference.kind)].append(difference)
    print(f"differences: {len(report.differences)}")
    for (obj, name, kind), found in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        if kind in LACKING:
            print(f"  {kind} in the org: {obj}{'.' if name else ''}{name}")
            continue
        keys = ", ".join(difference.key for difference in found[:SHOWN_KEYS])
        print(f"  {obj}.{name} {kind}: {len(found)} ({keys}{', ...' if len(found) > SHOWN_KEYS else ''})")
        if show_values:
            for difference in found[:SHOWN_KEYS]:
                print(f"    {difference.key}: source {difference.source!r}, org {difference.org!r}")


def check_org(connection: pyodbc.Connection, chosen: argparse.Namespace, announced: Announced) -> Report:
    source = read_source(connection, chosen.objects, chosen.file_share)
    client = (chosen.client_id, chosen.client_secret)
    session = sign_in(chosen.instance_url.rstrip("/"), chosen.token, client, chosen.ca)
    org = read_org(session, chosen.practice, chosen.objects)
    versions = org.records.get(VERSION, [])
    contents = read_contents(connection, session, source, versions) if versions else {}
    report = compare(
        source,
        org,
        chosen.practice,
        ZoneInfo(chosen.zone or "America/New_York"),
        announced,
        tuple(chosen.other_kinds),
        chosen.practice_name,
        chosen.objects,
        chosen.accounts,
        chosen.default_owner,
        chosen.account_relations == "on",
    )
    if VERSION in org.described:
        compare_contents(report, contents, len(versions))
    return report


def main(arguments: list[str] | None = None) -> int:
    chosen = options(sys.argv[1:] if arguments is None else arguments, __doc__)
    try:
        defects = (
            json.loads(Path(chosen.expect_manifest).read_text(encoding="utf-8"))["defects"]
            if chosen.expect_manifest
            else ()
        )
        checked = check_org if chosen.destination == "salesforce" else check_account
        with closing(pyodbc.connect(chosen.odbc, autocommit=True, readonly=True, timeout=30)) as connection:
            report = checked(connection, chosen, Announced(defects))
    except Exception as error:
        # Driver and API messages quote connection strings and values; their type says enough without.
        print(f"could not check: {type(error).__module__}.{type(error).__name__}", file=sys.stderr)
        if chosen.show_values:
            raise
        return 2
    print_report(report, chosen.show_values)
    return 1 if report.differences else 0


if __name__ == "__main__":
    sys.exit(main())
