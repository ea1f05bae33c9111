"""The whole check of an account: both ends read, and compared."""

import argparse
from zoneinfo import ZoneInfo

import pyodbc

from migration_assets_tests.blackbox.compare import Source
from migration_assets_tests.blackbox.contents import stored_hashes
from migration_assets_tests.blackbox.freshsales.api import Api
from migration_assets_tests.blackbox.freshsales.compare import Choices, compare
from migration_assets_tests.blackbox.freshsales.files import Hashes
from migration_assets_tests.blackbox.freshsales.reading import DOCUMENT, KEY, Account, read_account
from migration_assets_tests.blackbox.reading import read_source
from migration_assets_tests.blackbox.report import Announced, Report


def check(connection: pyodbc.Connection, chosen: argparse.Namespace, announced: Announced) -> Report:
    """``chosen`` are the command's options."""
    source = read_source(connection, shares=chosen.file_share)
    api = Api(chosen.bundle_url, chosen.api_key, chosen.ca)
    try:
        account = read_account(api, chosen.practice)
    finally:
        api.close()
    choices = Choices(
        practice=chosen.practice,
        zone=ZoneInfo(chosen.zone or "America/New_York"),
        name=chosen.practice_name,
        accounts=chosen.accounts,
        shared_emails=chosen.shared_emails,
        several_practices=chosen.several_practices == "on",
        modules=chosen.modules == "on",
        default_owner=chosen.default_owner,
        other_kinds=tuple(chosen.other_kinds),
    )
    return compare(source, account, choices, announced, _hashes(connection, source, account))


def _hashes(connection: pyodbc.Connection, source: Source, account: Account) -> Hashes:
    """Of all images on the share, and of the documents in the database that the account has."""
    on_share = {row["Path"].strip(): row["SHA256"] for row in source["share."]}
    images = {
        f"radiograph:{row['RadiographID']}": on_share.get(str(row["FilePath"] or "").strip())
        for row in source["Radiograph"]
    }
    there = {str(row[KEY]).partition(":")[2] for row in account.records[DOCUMENT]}
    sizes = {f"document:{row['DocumentID']}": row["size of"] for row in source["Document"]}
    sizes = {name: size for name, size in sizes.items() if size and name in there}
    return {**images, **stored_hashes(connection, sizes)}
