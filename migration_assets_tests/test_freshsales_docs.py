"""docs/freshsales.md lists every setting of an account and every finding of its preflight, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from migration_assets.destinations.freshsales.capacity import PLANS, kind_of, needed_fields
from migration_assets.destinations.freshsales.settings import BulkSettings, EnvironmentSettings, FileSettings
from migration_assets.migration.plan import load_mapping

ROOT = Path(__file__).parents[1]
FRESHSALES = ROOT / "migration_assets" / "destinations" / "freshsales"
TEXT = (ROOT / "docs" / "freshsales.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def findings() -> Iterator[tuple[str, str]]:
    for path in sorted(FRESHSALES.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Finding":
                yield ast.literal_eval(node.args[0]), ast.literal_eval(node.args[1])


def test_every_finding_is_listed_with_its_severity() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (error|warning|note) \| .+ \| .+ \|$", TEXT, re.MULTILINE)

    assert len(rows) == len(dict(rows))
    assert set(rows) == set(findings())


def test_every_setting_is_listed_and_no_other() -> None:
    cells = re.findall(r"^\| (`[^|]+) \| ([^|]+) \|", section("An account"), re.MULTILINE)
    listed = set()
    for names, _ in cells:
        group = ""
        for name in re.findall(r"`([\w.]+)`", names):
            prefix, dot, _ = name.rpartition(".")
            group = prefix if dot else group
            listed.add(name if dot or not group else f"{group}.{name}")

    own = set(EnvironmentSettings.model_fields) - {"bulk", "files"}
    own |= {f"bulk.{name}" for name in BulkSettings.model_fields}
    assert listed == own | {f"files.{name}" for name in FileSettings.model_fields}


def test_defaults_are_those_of_the_code() -> None:
    told = dict(re.findall(r"^\| `([\w.]+)` \| ([^|]+) \|", section("An account"), re.MULTILINE))
    fields = EnvironmentSettings.model_fields
    for name in ("calls_a_minute", "calls_left_free", "calls_at_once", "clock_speed", "create_schema"):
        assert told[name].strip("` ") == f"{fields[name].default:g}" if name != "create_schema" else "api"
    for name in ("sandbox", "unique_emails", "baa_confirmed", "automations_off", "notes_in_views"):
        assert told[name].strip("` ") == str(fields[name].default).lower()
    assert {name for name, default in told.items() if default.startswith("must")} == {
        name for name, field in fields.items() if field.is_required()
    }
    assert told["files.max_bytes"].strip() == f"{FileSettings().max_bytes:,}"
    assert told["bulk.rows"].strip() == str(BulkSettings().rows)


def test_the_plans_are_those_of_the_code() -> None:
    told = {
        name.strip(): [cell.strip() for cell in cells.split("|")]
        for name, cells in re.findall(r"^\| ([^|]+) \| (.+) \|$", section("Plans"), re.MULTILINE)
    }
    plans = [PLANS[name] for name in ("growth", "pro", "enterprise")]

    assert told["calls an hour"] == [f"{each.calls_an_hour:,}" for each in plans]
    areas = [f"{each.by_kind['text']}, {each.by_kind['textarea']}" for each in plans]
    assert told["text fields, text areas"] == areas
    assert told["dropdowns and radio buttons"] == [str(each.by_kind["dropdown"]) for each in plans]
    assert told["numbers, checkboxes, dates"] == [f"{each.by_kind['date']} each" for each in plans]
    assert told["multi-select dropdowns"] == [str(each.by_kind["multi_select_dropdown"]) for each in plans]
    lookups = [str(each.by_kind["lookup"] or "none") for each in plans]
    assert told["look-ups"] == lookups
    assert [bool(each.modules) for each in plans] == [cell != "none" for cell in told["custom modules"]]


def test_what_growth_has_no_room_beside_is_what_the_mapping_needs() -> None:
    contact = load_mapping("freshsales").of_object("contact").schema
    texts = [field for field in needed_fields(contact) if kind_of(field) == "text"]

    (told,) = re.findall(r"needs (\d+) text fields on contacts, which is all that Growth has", TEXT)
    assert int(told) == len(texts) == PLANS["growth"].by_kind["text"]
