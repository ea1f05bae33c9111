"""An independent check that an org holds what a practice's database holds: every record, every cell.

    python -m migration_assets_tests.blackbox --practice maple --instance-url https://... --token ...

It shares no code with the platform or its stand-ins (it imports neither), reads the source with pyodbc and
the org with an unmodified simple-salesforce, and compares by its own formulas. What may differ is only what
a manifest announces: rows rejected, held back or corrected. Exit status 0: the same, 1: something differs,
2: the check could not run.

Every option can stand on the command line, in a JSON file (``--config``, the option's name with ``_``), or
in the environment (``BLACKBOX_TOKEN`` for ``--token``). Instead of one ODBC string the environment may hold
its pieces: ``BLACKBOX_ODBC_DRIVER``, ``BLACKBOX_ODBC_SERVER``, ``BLACKBOX_ODBC_PWD``...

Output names objects, fields and source keys; values of patients only with ``--show-values``.
"""

import argparse
import json
import os
import sys
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pyodbc

from migration_assets_tests.blackbox.compare import compare
from migration_assets_tests.blackbox.contents import compare_contents, read_contents
from migration_assets_tests.blackbox.files import VERSION
from migration_assets_tests.blackbox.households import ACCOUNTS
from migration_assets_tests.blackbox.reading import read_org, read_source, sign_in
from migration_assets_tests.blackbox.records import GROUPS
from migration_assets_tests.blackbox.report import Announced, Difference, Report

SHOWN_KEYS = 8
_SWITCH = ("off", "on")
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
        "practice-name",
        "zone",
        "expect-manifest",
        "default-owner",
    )
    for name in names:
        parser.add_argument(f"--{name}")
    parser.add_argument(
        "--other-kinds", nargs="*", default=[], help="kinds of keys that are not compared, such as provider"
    )
    parser.add_argument(
        "--objects",
        nargs="*",
        choices=GROUPS,
        help=f"compared beyond people, exams, charts and plans (default: {' '.join(GROUPS)})",
    )
    parser.add_argument(
        "--accounts", choices=ACCOUNTS, help="what the practice hangs its patients on (default: practice)"
    )
    parser.add_argument(
        "--account-relations",
        choices=_SWITCH,
        help="whether contacts are tied to more accounts than their own (default: off)",
    )
    parser.add_argument(
        "--file-share",
        action="append",
        metavar="PREFIX=FOLDER",
        help="where paths that begin so are mounted; may be repeated (BLACKBOX_FILE_SHARE: one alone)",
    )
    parser.add_argument("--show-values", action="store_true")
    chosen = parser.parse_args(arguments)
    configured = json.loads(chosen.config.read_text(encoding="utf-8")) if chosen.config else {}
    for name in (option.replace("-", "_") for option in names):
        if getattr(chosen, name) is None:
            setattr(chosen, name, configured.get(name) or os.environ.get(f"BLACKBOX_{name.upper()}"))
    if chosen.objects is None:
        said = configured.get("objects", os.environ.get("BLACKBOX_OBJECTS", " ".join(GROUPS)).split())
        if unknown := set(said) - set(GROUPS):
            parser.error(f"no such objects: {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
        chosen.objects = said
    if chosen.accounts is None:
        chosen.accounts = configured.get("accounts", os.environ.get("BLACKBOX_ACCOUNTS", ACCOUNTS[0]))
    if chosen.accounts not in ACCOUNTS:
        parser.error(f"no such choice of accounts; there are {', '.join(ACCOUNTS)}")
    if chosen.account_relations is None:
        said = configured.get("account_relations", os.environ.get("BLACKBOX_ACCOUNT_RELATIONS", _SWITCH[0]))
        chosen.account_relations = said
    if chosen.account_relations not in _SWITCH:
        parser.error(f"account relations are {' or '.join(_SWITCH)}")
    shares = chosen.file_share or configured.get("file_share") or [os.environ.get("BLACKBOX_FILE_SHARE", "")]
    pairs = [each.partition("=") for each in shares if each]
    if not all(prefix and folder for prefix, _, folder in pairs):
        parser.error("a file share is PREFIX=FOLDER")
    chosen.file_share = {prefix: folder for prefix, _, folder in pairs}
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
            Announced(defects),
            tuple(chosen.other_kinds),
            chosen.practice_name,
            chosen.objects,
            chosen.accounts,
            chosen.default_owner,
            chosen.account_relations == "on",
        )
        if VERSION in org.described:
            compare_contents(report, contents, len(versions))
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
