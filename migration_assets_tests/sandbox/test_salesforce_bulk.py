"""Bulk API 2.0 of the sandbox org: job states, row errors, values to the character, results in any order."""

import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration_assets_tests.sandbox.salesforce_fixtures import (
    VERSION,
    Opened,
    csv_text,
    make_exam_schema,
    sign_in,
)
from migration_sandbox.salesforce.launch import SalesforceSandbox

UPSERT = {"externalIdFieldName": "PANDA_Key__c"}


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    with SalesforceSandbox(tmp_path_factory.mktemp("bulk") / "org") as sandbox:
        opened = sign_in(sandbox)
        make_exam_schema(opened.client)
        opened.client.Contact.upsert("PANDA_Key__c/p1", {"LastName": "One"})
        yield opened


def _read(org: Opened, query: str, operation: str = "query", pages: int = 50_000) -> list[str]:
    """A Bulk query's pages as raw texts."""
    body = {"operation": operation, "query": query}
    job = org.bulk.request("POST", "/jobs/query", json=body).json()["id"]
    assert org.bulk.wait(job, "query")["state"] == "JobComplete"
    found, locator = [], ""
    while locator != "null":
        suffix = f"&locator={locator}" if locator else ""
        answer = org.bulk.request("GET", f"/jobs/query/{job}/results?maxRecords={pages}{suffix}")
        found.append(answer.content.decode())
        locator = answer.headers["Sforce-Locator"]
    return found


def test_an_upsert_tells_created_from_updated_and_keeps_what_is_empty(org: Opened) -> None:
    rows = [["u1", "5", "2024-02-29"], ["u2", "0", ""]]
    job, told = org.bulk.run(
        "Exam__c", "upsert", csv_text(["PANDA_Key__c", "Depth__c", "Exam_Date__c"], rows), **UPSERT
    )
    assert (told["state"], told["numberRecordsProcessed"], told["numberRecordsFailed"]) == (
        "JobComplete", 2, 0,
    )  # fmt: skip
    rows = [["U1", "", "#N/A"], ["u3", "1", ""]]
    job, told = org.bulk.run(
        "Exam__c", "upsert", csv_text(["PANDA_Key__c", "Depth__c", "Exam_Date__c"], rows), **UPSERT
    )
    created = {row["PANDA_Key__c"]: row["sf__Created"] for row in org.bulk.results(job, "successfulResults")}
    assert created == {"U1": "false", "u3": "true"}
    text = (
        "SELECT Depth__c, Exam_Date__c FROM Exam__c WHERE PANDA_Key__c IN ('u1', 'u2') ORDER BY PANDA_Key__c"
    )
    found = [(row["Depth__c"], row["Exam_Date__c"]) for row in org.client.query(text)["records"]]
    assert found == [(5.0, None), (0.0, None)]


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("Code__c", "x" * 11, "STRING_TOO_LONG:Code: data value too large"),
        ("System__c", "Roman", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST:"),
        ("Depth__c", "100", "NUMBER_OUTSIDE_VALID_RANGE:"),
        ("Depth__c", "three", "INVALID_TYPE_ON_FIELD_IN_RECORD:Depth: value not of required type: three"),
        ("Cost__c", "1e17", "NUMBER_OUTSIDE_VALID_RANGE:"),
        ("Exam_Date__c", "2024-02-30", "INVALID_TYPE_ON_FIELD_IN_RECORD:"),
        ("Seen_At__c", "2024-02-03 10:00", "INVALID_TYPE_ON_FIELD_IN_RECORD:"),
        ("Flag__c", "maybe", "INVALID_TYPE_ON_FIELD_IN_RECORD:"),
        ("Contact__c", "xyz", "MALFORMED_ID:"),
        ("Contact__c", "003Hs0000000zzzIAB", "MALFORMED_ID:"),
        ("Contact__c", "003Hs0000000zzz", "INVALID_CROSS_REFERENCE_KEY:"),
        (
            "Contact__r.PANDA_Key__c",
            "nobody",
            "INVALID_FIELD:Foreign key external ID: nobody not found for field PANDA_Key__c in entity",
        ),
    ],
)
def test_a_bad_row_fails_alone_with_its_code(org: Opened, column: str, value: str, code: str) -> None:
    rows = [["bad-row", value], ["good-row", ""]]
    job, told = org.bulk.run("Exam__c", "upsert", csv_text(["PANDA_Key__c", column], rows), **UPSERT)
    assert (told["state"], told["numberRecordsFailed"]) == ("JobComplete", 1)
    failed = org.bulk.results(job, "failedResults")
    assert failed[0]["PANDA_Key__c"] == "bad-row"
    assert failed[0]["sf__Error"].startswith(code)
    assert failed[0]["sf__Error"].endswith("--")


def test_required_duplicate_and_email_errors_of_contacts(org: Opened) -> None:
    rows = [["d1", "A", ""], ["d1", "B", ""], ["p1", "C", ""], ["d2", "", ""], ["d3", "D", "no-mail"]]
    job, _ = org.bulk.run("Contact", "insert", csv_text(["PANDA_Key__c", "LastName", "Email"], rows))
    codes = sorted(text.partition(":")[0] for text in org.bulk.errors(job))
    assert codes == ["DUPLICATE_VALUE", "DUPLICATE_VALUE", "INVALID_EMAIL_ADDRESS", "REQUIRED_FIELD_MISSING"]


def test_values_come_back_to_the_character(org: Opened) -> None:
    notes = 'one\r\ntwo\nthree\r"four", five\t#N/A ünïcode \U0001f9b7'
    job, told = org.bulk.run(
        "Exam__c", "upsert", csv_text(["PANDA_Key__c", "Notes__c"], [["chars", notes]]), **UPSERT
    )
    assert told["numberRecordsFailed"] == 0
    assert org.bulk.results(job, "successfulResults")[0]["Notes__c"] == notes
    page = _read(org, "SELECT Notes__c FROM Exam__c WHERE PANDA_Key__c = 'chars'")[0]
    assert page == '"Notes__c"\n"' + notes.replace('"', '""') + '"\n'


TEXTS = st.text(
    st.one_of(st.sampled_from("\r\n\",\t ;'\\"), st.characters(codec="utf-8", exclude_characters="\x00")),
    min_size=1,
    max_size=30,
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(TEXTS, min_size=1, max_size=40), line_ending=st.sampled_from(["LF", "CRLF"]))
def test_any_text_survives_a_round_trip(org: Opened, values: list[str], line_ending: str) -> None:
    keys = [f"trip{number}" for number in range(len(values))]
    ending = "\n" if line_ending == "LF" else "\r\n"
    quoted = [[key, '"' + value.replace('"', '""') + '"'] for key, value in zip(keys, values, strict=True)]
    text = ending.join(["PANDA_Key__c,Notes__c", *(",".join(row) for row in quoted)]) + ending
    job, told = org.bulk.run("Exam__c", "upsert", text, lineEnding=line_ending, **UPSERT)
    assert (told["state"], told["numberRecordsFailed"]) == ("JobComplete", 0), told
    sent = {row["PANDA_Key__c"]: row["Notes__c"] for row in org.bulk.results(job, "successfulResults")}
    assert sent == dict(zip(keys, values, strict=True))
    listed = "','".join(keys)
    found = org.client.query(f"SELECT PANDA_Key__c, Notes__c FROM Exam__c WHERE PANDA_Key__c IN ('{listed}')")
    stored = {row["PANDA_Key__c"]: row["Notes__c"] for row in found["records"]}
    assert stored == dict(zip(keys, values, strict=True))


def test_times_are_stored_in_utc_and_shown_by_each_api_in_its_own_way(org: Opened) -> None:
    rows = [["time", "2024-03-10T01:30:00.5-05:00"]]
    org.bulk.run("Exam__c", "upsert", csv_text(["PANDA_Key__c", "Seen_At__c"], rows), **UPSERT)
    query = "SELECT Seen_At__c FROM Exam__c WHERE PANDA_Key__c = 'time'"
    assert org.client.query(query)["records"][0]["Seen_At__c"] == "2024-03-10T06:30:00.500+0000"
    assert _read(org, query)[0] == '"Seen_At__c"\n"2024-03-10T06:30:00.500Z"\n'


def test_excess_decimals_are_rounded_or_refused_as_the_org_is_set(org: Opened) -> None:
    rows = csv_text(["PANDA_Key__c", "Cost__c"], [["cents", "12.345"]])
    org.bulk.run("Exam__c", "upsert", rows, **UPSERT)
    query = "SELECT Cost__c FROM Exam__c WHERE PANDA_Key__c = 'cents'"
    assert org.client.query(query)["records"][0]["Cost__c"] == 12.35
    org.sandbox.control.settings(numbers_with_excess_decimals="refuse")
    job, _ = org.bulk.run("Exam__c", "upsert", rows, **UPSERT)
    org.sandbox.control.settings(numbers_with_excess_decimals="round")
    assert org.bulk.errors(job)[0].startswith("NUMBER_OUTSIDE_VALID_RANGE")


def test_polymorphic_parents_name_their_object(org: Opened) -> None:
    org.client.Exam__c.upsert("PANDA_Key__c/exam-of-visit", {})
    header = ["PANDA_Key__c", "Contact:Who.PANDA_Key__c", "Exam__c:What.PANDA_Key__c", "StartDateTime"]
    rows = [["visit", "p1", "exam-of-visit", "2099-01-01T00:00:00Z", "45"]]
    text = csv_text([*header, "DurationInMinutes"], rows)
    job, told = org.bulk.run("Event", "upsert", text, **UPSERT)
    assert told["numberRecordsFailed"] == 0, org.bulk.errors(job)
    found = org.client.query("SELECT WhoId, WhatId FROM Event WHERE PANDA_Key__c = 'visit'")["records"][0]
    assert (found["WhoId"][:3], found["WhatId"][:3]) == ("003", "a00")
    plain = csv_text(["PANDA_Key__c", "Who.PANDA_Key__c"], [["visit", "p1"]])
    _, told = org.bulk.run("Event", "upsert", plain, **UPSERT)
    assert told["errorMessage"] == "InvalidBatch : Field name not found : Who.PANDA_Key__c"


def test_results_come_in_another_order_than_the_input(org: Opened) -> None:
    rows = [[f"order{number:03}", number % 10] for number in range(200)]
    job, _ = org.bulk.run("Exam__c", "upsert", csv_text(["PANDA_Key__c", "Depth__c"], rows), **UPSERT)
    first = [row["PANDA_Key__c"] for row in org.bulk.results(job, "successfulResults")]
    assert sorted(first) == [row[0] for row in rows]
    assert first != sorted(first)
    assert first == [row["PANDA_Key__c"] for row in org.bulk.results(job, "successfulResults")]


def test_a_bulk_query_pages_with_a_header_each_and_ends_with_null(org: Opened) -> None:
    pages = _read(org, "SELECT Id FROM Exam__c WHERE PANDA_Key__c LIKE 'order%'", pages=80)
    assert [page.count("\n") - 1 for page in pages] == [80, 80, 40]
    assert all(page.startswith('"Id"\n') for page in pages)
    refused = org.bulk.request(
        "POST", "/jobs/query", json={"operation": "query", "query": "SELECT COUNT(Id) FROM Contact"}
    )
    assert refused.status_code == 400
    assert _read(org, "SELECT Id FROM Exam__c WHERE PANDA_Key__c = 'none'") == ['"Id"\n']


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("PANDA_Key__c,Nothing__c\na,b\n", "InvalidBatch : Field name not found : Nothing__c"),
        ("Code__c\na\n", "InvalidBatch : Field name not found : PANDA_Key__c"),
        ("PANDA_Key__c,Code__c\r\na,b\r\n", "LineEnding is invalid on user data"),
        ('PANDA_Key__c,Code__c\na,b"c"\n', "Found unescaped quote"),
        ("PANDA_Key__c,Code__c\na,b,c\n", "number of fields"),
        ("PANDA_Key__c,Code__c\n", "Records not found"),
        ("PANDA_Key__c," + "x" * 32_000 + "\na,b\n", "longer than 32000 characters"),
    ],
)
def test_a_file_that_cannot_be_read_fails_the_job_with_nothing_done(
    org: Opened, content: str, said: str
) -> None:
    _, told = org.bulk.run("Exam__c", "upsert", content, **UPSERT)
    assert (told["state"], told["numberRecordsProcessed"]) == ("Failed", 0)
    assert said in told["errorMessage"]


def test_an_upload_of_no_bytes_is_a_job_of_no_records(org: Opened) -> None:
    _, told = org.bulk.run("Exam__c", "upsert", "", **UPSERT)
    assert (told["state"], told["numberRecordsProcessed"], told["numberRecordsFailed"]) == (
        "JobComplete",
        0,
        0,
    )


def test_the_state_machine_refuses_what_the_platform_refuses(org: Opened) -> None:
    job = org.bulk.create("Exam__c", "upsert", **UPSERT)
    wrong = org.bulk.request(
        "PUT", f"/jobs/ingest/{job}/batches", data=b"x", headers={"Content-Type": "application/json"}
    )
    assert wrong.status_code == 415
    assert org.bulk.put(job, b"PANDA_Key__c\nz\n").status_code == 201
    assert org.bulk.put(job, b"PANDA_Key__c\nz\n").status_code == 400
    assert org.bulk.request("DELETE", f"/jobs/ingest/{job}").status_code == 400
    org.bulk.close(job)
    org.bulk.wait(job)
    again = org.bulk.request("PATCH", f"/jobs/ingest/{job}", json={"state": "UploadComplete"})
    assert again.json()[0]["errorCode"] == "INVALIDJOBSTATE"
    assert org.bulk.request("DELETE", f"/jobs/ingest/{job}").status_code == 204
    assert org.bulk.request("GET", f"/jobs/ingest/{job}").status_code == 404


def test_the_list_of_jobs_shows_an_orphan(org: Opened) -> None:
    job = org.bulk.create("Exam__c", "upsert", **UPSERT)
    told = org.bulk.request("GET", "/jobs/ingest?isPkChunkingEnabled=false&jobType=V2Ingest").json()
    orphan = next(item for item in told["records"] if item["id"] == job)
    assert (orphan["state"], orphan["object"], orphan["operation"]) == ("Open", "Exam__c", "upsert")
    assert orphan["createdById"].startswith("005")
    assert org.bulk.request("PATCH", f"/jobs/ingest/{job}", json={"state": "Aborted"}).status_code == 200


def test_an_upsert_needs_a_real_key_and_an_object_that_exists(org: Opened) -> None:
    for body in (
        {"object": "Contact", "operation": "upsert", "externalIdFieldName": "LastName"},
        {"object": "Nothing__c", "operation": "insert"},
        {"object": "Contact", "operation": "merge"},
    ):
        answer = org.bulk.request("POST", "/jobs/ingest", json=body)
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALIDJOB")


def test_deleted_records_leave_query_but_not_query_all(org: Opened) -> None:
    made = org.client.Exam__c.create({"PANDA_Key__c": "bin"})["id"]
    _, told = org.bulk.run("Exam__c", "delete", f"Id\n{made}\n")
    assert told["numberRecordsFailed"] == 0
    query = "SELECT Id FROM Exam__c WHERE PANDA_Key__c = 'bin'"
    assert _read(org, query) == ['"Id"\n']
    assert made in _read(org, query, "queryAll")[0]
    job, _ = org.bulk.run("Exam__c", "delete", f"Id\n{made}\n")
    assert org.bulk.errors(job)[0].startswith("ENTITY_IS_DELETED")


def test_two_hundred_thousand_cells_take_about_a_moment(org: Opened) -> None:
    rows = [[f"fast{number}", number % 10, "2024-01-01", "FDI"] for number in range(50_000)]
    text = csv_text(["PANDA_Key__c", "Depth__c", "Exam_Date__c", "System__c"], rows)
    started = time.monotonic()
    _, told = org.bulk.run("Exam__c", "upsert", text, **UPSERT)
    assert told["numberRecordsFailed"] == 0
    assert time.monotonic() - started < 10


def test_results_are_gone_after_their_days(org: Opened) -> None:
    job, _ = org.bulk.run("Exam__c", "upsert", "PANDA_Key__c\nexpiring\n", **UPSERT)
    org.sandbox.control.expire_results(job)
    assert org.bulk.request("GET", f"/jobs/ingest/{job}/successfulResults/").status_code == 404


def test_simple_salesforces_own_bulk2_works_unmodified(org: Opened) -> None:
    client = org.client.bulk2.Contact
    told = client.upsert(records=[{"PANDA_Key__c": "ss", "LastName": "x"}], external_id_field="PANDA_Key__c")
    assert told[0]["numberRecordsFailed"] == 0
    assert "003" in "".join(client.query("SELECT Id FROM Contact WHERE PANDA_Key__c = 'ss'"))
    assert org.client.sf_version == VERSION
