"""A generated practice in a sandbox account: staged, mapped and sent by the platform's own parts.

And the black-box checker between the practice's database and that account, run as its user would run it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from migration_assets.destinations.base import Batch
from migration_assets.destinations.freshsales.destination import FreshsalesDestination, connect
from migration_assets.destinations.freshsales.settings import EnvironmentSettings
from migration_assets.mapping.apply import Payload, apply
from migration_assets.mapping.loader import load_specs
from migration_assets.mapping.spec import OWNERS_TABLE, PRACTICE_TABLE
from migration_assets.objects.base import CONTENT
from migration_assets.objects.registry import DRAWN_OBJECTS, MAPPED_OBJECTS
from migration_assets_tests.blackbox.freshsales.reading import Account
from migration_assets_tests.blackbox.report import Row
from migration_assets_tests.blackbox.words import as_lines
from migration_assets_tests.destinations.freshsales.loading import Files, Journal
from migration_assets_tests.integration.damage import Checked
from migration_assets_tests.integration.installation import READER_PASSWORD
from migration_assets_tests.mapping.staged import practice as practice_row
from migration_assets_tests.mapping.staged import rows
from migration_assets_tests.objects.rows import stage_raw
from migration_assets_tests.objects.rows_of_files import as_extracted
from migration_assets_tests.sandbox.freshsales_fixtures import Opened
from migration_sandbox.installation import PIPELINE, STAGES
from migration_sandbox.practice.generator import Practice, write_database
from migration_sandbox.practice.radiographs import SHARE
from migration_sandbox.sqlserver.launch import SandboxServer, odbc_driver
from migration_sandbox.sqlserver.launch import start as start_sql

KEY_VARIABLE, USER = "BLACKBOX_TEST_KEY", "402000000001"
_ROOT = Path(__file__).parents[2]


def fill(practice: Practice, account: Opened, **choices: str) -> None:
    """Everything of the practice, as a migration with these choices would bring it there."""
    account.control.add_pipeline(PIPELINE, STAGES)
    destination = connect(_settings(account))
    try:
        made = list(_payloads(practice, choices))
        destination.deploy_schema([payload.schema for payload, _ in made])
        for payload, files in made:
            _send(destination, payload, files)
    finally:
        destination.close()


def _settings(account: Opened) -> EnvironmentSettings:
    return EnvironmentSettings.model_validate(
        {
            "bundle_url": f"https://{account.sandbox.bundle}",
            "api_key": {"env": KEY_VARIABLE},
            "plan": "enterprise",
            "ca_bundle": str(account.sandbox.ca_path),
            "calls_an_hour": 1_000_000,
            "calls_a_minute": 1_000_000,
            "rate_folder": str(account.sandbox.directory / "rates"),
            "pipeline": PIPELINE,
            "bulk": {"poll_first": 0.05},
        }
    )


def account_of(practice: Practice, **choices: str) -> Account:
    """What the checker reads in an account that a faithful migration leaves: a record's id is its key."""
    records: dict[str, list[Row]] = {}
    fields: dict[str, frozenset[str]] = {}
    there: set[str] = set()
    for payload, files in _payloads(practice, choices):
        schema = payload.schema
        labels = {each.name: each.label if each.custom else each.name for each in schema.fields}
        fields[schema.name] = frozenset(labels.values())
        references = [each.name for each in schema.references]
        for row in payload.frame.iter_rows(named=True):
            # A record whose parent isn't there is held back when it is to be sent.
            if all(row[name] is None or row[name] in there for name in references):
                key = row[schema.key_field]
                there.add(key)
                records.setdefault(schema.name, []).append(_as_read(schema.name, row, labels, key, files))
    owner = {"id": USER, "email": "owner@sandbox.example", "is_active": True}
    return Account(records, fields, [owner])


def _as_read(obj: str, row: Row, labels: Mapping[str, str], key: str, files: Files | None) -> Row:
    held: Row = {labels[name]: value for name, value in row.items()}
    held |= {"key": key, "Id": key, "owner_id": USER}
    if obj == "deal":
        held |= {"contacts": frozenset([row["contact"]])}
    elif obj == "appointment":
        people = (row["patient"], row["provider"])
        held |= {"attendees": frozenset(filter(None, people)), "text": as_lines(row["description"])}
        held |= {name: row[name].isoformat() for name in ("from_date", "end_date")}
    elif "target" in row:
        space = row["target"].split(":")[1]
        on = {"plan": "deal", "practice": "sales_account"}.get(space, "contact")
        held |= {"on": ((on, row["target"]),), "text": as_lines(row.get("description"))}
    if files is not None:
        content = b"".join(files.pieces(key))
        held |= {"name": row["file_name"], "size": row["content_file_size"], "bytes": len(content)}
        held |= {"MD5": hashlib.md5(content).hexdigest(), "drawing": content}
    return held


def _payloads(practice: Practice, choices: Mapping[str, str]) -> Iterator[tuple[Payload, Files | None]]:
    staged = stage_raw(as_extracted(practice))
    specs = load_specs("freshsales", {each.name: each.model for each in MAPPED_OBJECTS}).resolved(choices)
    tables = {name: staged[name].rows for name in staged}
    tables |= {PRACTICE_TABLE: practice_row(), OWNERS_TABLE: rows(OWNERS_TABLE)}
    contents = _contents(practice)
    for drawn in DRAWN_OBJECTS:
        drawings = pl.concat(drawn.draw(tables))
        tables[drawn.name] = drawings.drop(CONTENT)
        kept = drawings.drop_nulls(CONTENT).select("source_id", CONTENT).iter_rows()
        contents |= {f"maple:chart:{number}": content for number, content in kept}
    for spec in specs:
        of_files = spec.schema.content_field is not None
        yield apply(spec, tables, "maple", None), Files(contents) if of_files else None


def _contents(practice: Practice) -> dict[str, bytes]:
    documents = practice.tables["Document"].select("DocumentID", "Content").drop_nulls().iter_rows()
    images = practice.tables["Radiograph"].select("RadiographID", "FilePath").drop_nulls().iter_rows()
    found = {f"maple:document:{number}": content for number, content in documents}
    for number, path in images:
        name = path.removeprefix(f"{SHARE}\\").replace("\\", "/")
        if name in practice.share:
            found[f"maple:radiograph:{number}"] = practice.share[name]
    return found


def _send(destination: FreshsalesDestination, payload: Payload, files: Files | None) -> None:
    for place, part in enumerate(destination.batches(payload.schema, payload.frame)):
        batch = Batch(f"b{place}", payload.schema, part, blobs=files)
        for results in destination.send(batch, Journal()):
            assert {each.outcome for each in results} <= {"loaded"}, [each.code for each in results]


@dataclass(frozen=True)
class AccountBlackBox:
    """The checker between one SQL server and one account."""

    server: SandboxServer
    account: Opened
    share: Path

    @classmethod
    def over(cls, practice: Practice, directory: Path, account: Opened) -> AccountBlackBox:
        databases, share = directory / "databases", directory / "share"
        databases.mkdir()
        write_database(practice, databases / "panda_maple.duckdb")
        for name, content in practice.share.items():
            file = share / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        return cls(start_sql(databases, reader_password=READER_PASSWORD), account, share)

    def check(self, *options: str) -> Checked:
        command = [sys.executable, "-m", "migration_assets_tests.blackbox", "--destination", "freshsales"]
        command += ["--practice", "maple", "--practice-name", "Maple Periodontics"]
        done = subprocess.run(
            [*command, "--file-share", f"{SHARE}={self.share}", *options],
            env=self._environment(),
            cwd=_ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        lines = (done.stdout + done.stderr).splitlines()
        return Checked(done.returncode, tuple(line.strip() for line in lines))

    def _environment(self) -> Mapping[str, str]:
        sandbox = self.account.sandbox
        return {
            **os.environ,
            "BLACKBOX_ODBC_DRIVER": odbc_driver(),
            "BLACKBOX_ODBC_ENCRYPT": "strict",
            "BLACKBOX_ODBC_SERVER": f"127.0.0.1,{self.server.port}",
            "BLACKBOX_ODBC_DATABASE": "panda_maple",
            "BLACKBOX_ODBC_UID": "panda_reader",
            "BLACKBOX_ODBC_PWD": READER_PASSWORD,
            "BLACKBOX_ODBC_SERVERCERTIFICATE": str(self.server.certificate),
            "BLACKBOX_BUNDLE_URL": f"https://{sandbox.bundle}",
            "BLACKBOX_API_KEY": sandbox.api_key,
            "BLACKBOX_CA": str(sandbox.ca_path),
        }
