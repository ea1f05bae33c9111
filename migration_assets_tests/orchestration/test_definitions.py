"""What Dagster loads: the graph that a data engineer sees, and what loading it needs."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
from dagster import AssetKey, AssetSpec

from migration_assets.definitions import defs
from migration_assets.orchestration.partitions import PRACTICES
from migration_assets_tests.orchestration.installation import SOURCE_TABLES, STAGED_TABLES

STAGED_FROM = {
    "providers": {"panda/provider"},
    "patients": {"panda/patient"},
    "charting": {"panda/periodontal_charting", "panda/clinical_exam"},
    "clinical_exams": {"panda/clinical_exam", "panda/patient", "staged/charting"},
    "chart_summaries": {"panda/clinical_exam", "staged/clinical_exams", "staged/charting"},
    "treatment_plans": {"panda/treatment_plan"},
    "treatment_plan_lines": {"panda/treatment_plan_line"},
    "exam_findings": {"panda/exam_finding", "panda/clinical_exam"},
    "classifications": {"panda/periodontal_classification"},
    "insurances": {"panda/insurance"},
    "clinical_notes": {"panda/clinical_note"},
    "appointments": {"panda/appointment"},
    "referrers": {"panda/referral", "panda/provider"},
    "referrals": {"panda/referral", "panda/provider"},
    "documents": {"panda/document", "panda/letter", "panda/radiograph", "staged/patients"},
    "letters": {"panda/letter", "panda/letter_template", "panda/document", "staged/documents"},
    "radiographs": {
        *("panda/radiograph", "panda/share_files", "panda/document"),
        *("staged/patients", "staged/documents"),
    },
    "households": {"panda/patient", "staged/patients"},
    "offices": {
        *("panda/provider", "panda/referral"),
        *("staged/providers", "staged/referrals", "staged/referrers"),
    },
    "office_ties": {
        *("panda/provider", "panda/referral"),
        *("staged/providers", "staged/referrals", "staged/referrers"),
    },
    "staff_users": {"panda/staff_user"},
}
PARENTS: dict[str, dict[str, set[str]]] = {
    "salesforce": {
        "account": set(),
        "contact": {"account"},
        "account_contact_relation": {"account", "contact"},
        "clinical_exam": {"contact"},
        "clinical_exam_chart2": {"clinical_exam"},
        "clinical_exam_chart3": {"clinical_exam"},
        "clinical_exam_finding": {"clinical_exam"},
        "clinical_exam_tooth": {"clinical_exam"},
        "clinical_note": {"contact"},
        "content_version": {"contact"},
        "content_document_link": {"account", "contact", "content_version", "referral", "treatment_plan"},
        "event": {"contact"},
        "event_relation": {"contact", "event"},
        "referral": {"contact"},
        "treatment_plan": {"contact"},
        "treatment_plan_line": {"treatment_plan"},
    },
    "freshsales": {
        "sales_account": set(),
        "contact": {"sales_account"},
        "deal": {"contact", "sales_account"},
        "cm_dental_treatment_plan": {"contact", "deal"},
        "appointment": {"contact"},
        "note": {"contact", "deal", "sales_account"},
        "document": {"contact", "sales_account"},
    },
}
OF_LIVE_ALONE: dict[str, set[str]] = {
    "cutover": {"delta", "reconciliation"},
    "go_live_guide": {"schema"},
    "report": {"reconciliation", "field_diff", "cutover"},
    "go_live": {"reconciliation", "report"},
}
# The practice's staff become users by other means than records; where charts are whole they need no summary.
NO_RECORDS = {
    "salesforce": {"staged/staff_users", "staged/chart_summaries"},
    "freshsales": {"staged/staff_users"},
}
GROUPS = tuple(f"{destination}{suffix}" for destination in PARENTS for suffix in ("", "_rehearsal"))


def _of_group(group: str) -> dict[str, set[str]]:
    destination = group.removesuffix("_rehearsal")
    parents = PARENTS[destination]
    assets: dict[str, set[str]] = {
        "field_inventory": set(),
        "schema": {"field_inventory"},
        "preflight": {"field_inventory"},
        "owners": {"schema"},
        "payload": {"schema", "owners"},
        "adoptions": {"payload"},
        **{
            name: {"payload", *above, *({"adoptions"} if name in ("contact", "sales_account") else ())}
            for name, above in parents.items()
        },
        "reconciliation": set(parents),
        "field_diff": {"reconciliation"},
    }
    if group == destination:
        assets |= {"delta": set(parents), "reconciliation": {*parents, "delta"}, **OF_LIVE_ALONE}
    records = set(STAGED_TABLES) - NO_RECORDS[destination]
    above = {
        "preflight": records,
        "payload": records,
        "owners": {"staged/providers", "staged/staff_users"},
        "delta": {"panda/refresh"},
    }
    return {
        f"{group}/{name}": {f"{group}/{each}" for each in before} | above.get(name, set())
        for name, before in assets.items()
    }


GRAPH = {
    **{table: set() for table in SOURCE_TABLES},
    **{f"staged/{name}": made_from for name, made_from in STAGED_FROM.items()},
    "panda/change_detection": set(SOURCE_TABLES),
    "panda/refresh": {"panda/change_detection", *STAGED_TABLES},
    **{name: before for group in GROUPS for name, before in _of_group(group).items()},
}
SPECS = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


def _names(keys: set[AssetKey]) -> set[str]:
    return {key.to_user_string() for key in keys}


def test_the_graph_is_the_way_of_the_data() -> None:
    assert {name: _names({dep.asset_key for dep in spec.deps}) for name, spec in SPECS.items()} == GRAPH


@pytest.mark.parametrize("spec", [SPECS[name] for name in sorted(SPECS)], ids=sorted(SPECS))
def test_every_asset_tells_what_it_is_whose_it_is_and_belongs_to_a_practice(spec: AssetSpec) -> None:
    assert spec.group_name == spec.key.path[0]
    assert spec.description
    assert spec.description.endswith(".")
    assert list(spec.owners) == ["team:data-engineering"]
    assert spec.kinds
    assert spec.partitions_def == PRACTICES


def test_a_backfill_is_a_run_for_each_practice() -> None:
    assert {each.backfill_policy for each in defs.resolve_asset_graph().assets_defs} == {None}


def test_every_check_is_partitioned_by_practice_and_says_what_it_checks() -> None:
    graph = defs.resolve_asset_graph()
    specs = [graph.get_check_spec(key) for key in graph.asset_check_keys]
    assert {spec.partitions_def for spec in specs} == {PRACTICES}
    assert all(spec.description for spec in specs)
    assert {spec.name for spec in specs if spec.blocking} == {"rows_accounted_for", "reject_share"}


def test_the_jobs_extract_and_upload_apart() -> None:
    jobs = {job.name: job for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}
    selected = {
        name: {key.path[0] for key in job.asset_layer.selected_asset_keys} for name, job in jobs.items()
    }
    assert {name: found for name, found in selected.items() if found} == {
        "extract_and_stage": {"panda", "staged"},
        **{f"{what}_{group}": {group} for what in ("upload", "retry") for group in GROUPS},
        "refresh_panda": {"panda"},
        **{f"delta_{destination}": {destination} for destination in PARENTS},
        **{f"go_live_{destination}": {"panda", destination} for destination in PARENTS},
    }
    assert {name for name, found in selected.items() if not found} == {
        *(f"approve_{destination}" for destination in PARENTS),
        *(f"{what}_{group}" for what in ("plan_rollback", "roll_back") for group in GROUPS),
    }
    assert {job.partitions_def for job in jobs.values()} == {PRACTICES}
    for destination, parents in PARENTS.items():
        retried = jobs[f"retry_{destination}_rehearsal"].asset_layer.selected_asset_keys
        assert {key.path[1] for key in retried} == {*parents, "reconciliation", "field_diff"}


def test_the_cutover_has_jobs_of_its_own() -> None:
    def selected(job: str) -> set[str]:
        return _names(set(defs.resolve_job_def(job).asset_layer.selected_asset_keys))

    assert selected("refresh_panda") == {"panda/refresh"}
    assert {"panda/change_detection"} == {
        name for name in selected("extract_and_stage") if name not in {*SOURCE_TABLES, *STAGED_TABLES}
    }, "an extraction begins anew, and a refresh is no part of it"
    for destination in PARENTS:
        assert selected(f"delta_{destination}") == {f"{destination}/delta"}
        for what in ("upload", "retry"):
            assert not {f"{destination}/delta", f"{destination}/cutover"} & selected(f"{what}_{destination}")
        last = ("delta", "reconciliation", "field_diff", "cutover", "report", "go_live_guide", "go_live")
        assert selected(f"go_live_{destination}") == {"panda/refresh", *(f"{destination}/{n}" for n in last)}


_LOADED = """
    import builtins, sys
    real = builtins.__import__
    def guarded(name, *rest, **more):
        if name.split(".")[0] in {"pyodbc", "arrow_odbc", "mssql_python_odbc"}:
            raise ImportError("libodbc.so.2: cannot open shared object file")
        return real(name, *rest, **more)
    builtins.__import__ = guarded
    from migration_assets.definitions import defs
    from dagster import Definitions
    Definitions.validate_loadable(defs)
    print(*sorted({"simple_salesforce", "httpx", "pandera", "pyodbc", "arrow_odbc"} & sys.modules.keys()))
"""


def test_definitions_load_on_a_machine_without_odbc_and_without_heavy_imports() -> None:
    loaded = subprocess.run(
        [
            sys.executable,
            "-W",
            "error::dagster_shared.utils.warnings.PreviewWarning",
            "-c",
            textwrap.dedent(_LOADED),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert loaded.returncode == 0, loaded.stderr[-2000:]
    assert "simple_salesforce" not in loaded.stdout
    assert "odbc" not in loaded.stdout
