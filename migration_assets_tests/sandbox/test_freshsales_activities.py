"""Notes, appointments, tasks and files."""

import hashlib
from collections.abc import Iterator

import pytest

from migration_assets_tests.sandbox.freshsales_fixtures import Opened, fresh, opened

VISIT = {"title": "Surgical Procedure", "from_date": "2024-03-05T09:30:00-05:00"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    with opened(tmp_path_factory.mktemp("activities") / "account") as account:
        yield account


@pytest.fixture
def account(server: Opened) -> Opened:
    return fresh(server)


def test_notes_are_read_with_their_record_alone(account: Opened) -> None:
    patient = account.contact()
    first = account.note(patient["id"], "<b>Healing</b> well\r\nsee chart")
    assert first["targetables"] == [{"id": patient["id"], "type": "Contact"}]
    second = account.note(patient["id"], "later")
    told = account.ok("GET", f"/contacts/{patient['id']}?include=notes")
    assert [item["description"] for item in told["notes"]] == ["<b>Healing</b> well\r\nsee chart", "later"]
    assert told["contact"]["note_ids"] == [first["id"], second["id"]]
    assert told["contact"]["recent_note"] == "later"
    assert account.refused("GET", "/notes", status=404)
    assert account.refused("GET", f"/notes/{first['id']}", status=404)
    account.ok("PUT", f"/notes/{first['id']}", {"note": {"description": "changed"}})
    assert account.ok("DELETE", f"/notes/{second['id']}") == {"success": "200"}
    told = account.ok("GET", f"/contacts/{patient['id']}?include=notes")
    assert [item["description"] for item in told["notes"]] == ["changed"]
    assert told["contact"]["recent_note"] == "changed"


def test_a_note_needs_a_record_that_is_there(account: Opened) -> None:
    patient = account.contact()
    account.ok("DELETE", f"/contacts/{patient['id']}")
    for kind, number in (("Contact", patient["id"]), ("Contact", 1), ("Lead", patient["id"])):
        body = {"description": "x", "targetable_type": kind, "targetable_id": number}
        assert account.refused("POST", "/notes", {"note": body})
    assert account.refused("POST", "/notes", {"note": {"description": "x"}}) == ["Targetable can't be blank"]


def test_an_appointment_has_attendees_and_no_custom_field(account: Opened) -> None:
    patient, provider = account.contact(), account.contact(first_name="Dr.")
    attendees = [{"attendee_type": "Contact", "attendee_id": item["id"]} for item in (patient, provider)]
    body = {
        **VISIT, "end_date": "2024-03-05T10:30:00-05:00", "targetable_type": "Contact",
        "targetable_id": patient["id"], "appointment_attendees_attributes": attendees,
    }  # fmt: skip
    made = account.ok("POST", "/appointments", {"appointment": body})
    assert made["appointment"]["from_date"] == "2024-03-05T09:30:00-05:00"
    assert [item["attendee_id"] for item in made["appointment_attendees"]] == [patient["id"], provider["id"]]
    assert account.ok("GET", f"/appointments/{made['appointment']['id']}") == made
    told = account.ok("GET", f"/contacts/{patient['id']}?include=appointments")
    assert [item["title"] for item in told["appointments"]] == ["Surgical Procedure"]
    assert account.refused("POST", "/appointments", {"appointment": {**body, "custom_field": {}}}) == [
        "custom_field is not a field of a appointment"
    ]
    assert account.refused("POST", "/appointments", {"appointment": VISIT}) == ["End date can't be blank"]
    assert account.ok("DELETE", f"/appointments/{made['appointment']['id']}") == {"success": "200"}


def test_appointments_are_listed_by_past_and_upcoming(account: Opened) -> None:
    for year in (2024, 2124):
        body = {
            "title": str(year),
            "from_date": f"{year}-01-02T10:00:00Z",
            "end_date": f"{year}-01-02T11:00:00Z",
        }
        account.ok("POST", "/appointments", {"appointment": body})
    for word, title in (("past", "2024"), ("upcoming", "2124")):
        told = account.ok("GET", f"/appointments?filter={word}")
        assert ([item["title"] for item in told["appointments"]], told["meta"]["total"]) == ([title], 1)
    assert account.refused("GET", "/appointments?filter=all")


def test_a_time_without_offset_is_the_accounts_and_a_browsers_is_read(account: Opened) -> None:
    body = {
        "title": "x",
        "from_date": "2024-07-01 09:00",
        "end_date": "Mon Jul 01 2024 10:00:00 GMT-0400 (EDT)",
    }
    made = account.ok("POST", "/appointments", {"appointment": body})["appointment"]
    assert (made["from_date"], made["end_date"]) == ("2024-07-01T09:00:00-04:00", "2024-07-01T10:00:00-04:00")


def test_tasks_are_open_or_completed(account: Opened) -> None:
    owner = account.ok("GET", "/selector/owners")["users"][0]["id"]
    body = {"title": "Recall", "due_date": "2030-01-01", "owner_id": owner}
    task = account.ok("POST", "/tasks", {"task": body})["task"]
    assert account.ok("GET", "/tasks?filter=open")["meta"]["total"] == 1
    account.ok("PUT", f"/tasks/{task['id']}", {"task": {"status": 1}})
    assert account.ok("GET", "/tasks?filter=completed")["tasks"][0]["title"] == "Recall"


def test_a_file_is_listed_with_its_record_and_downloaded_by_its_url(account: Opened) -> None:
    patient = account.contact()
    content = bytes(range(256)) * 3000
    answer = account.upload(patient["id"], content, "röntgen 1.jpg", file_name="Zähne UR6, 2024")
    assert set(answer.json()) == {"id", "msg", "url"}
    told = account.ok("GET", f"/contacts/{patient['id']}/document_associations")
    assert told["meta"] == {"total_pages": 1, "total": 1}
    document = told["documents"][0]
    assert (document["name"], document["content_file_name"]) == ("Zähne UR6, 2024", "röntgen 1.jpg")
    assert document["content_file_size"] == len(content)
    assert account.session.get(document["url"], headers={"Authorization": ""}, timeout=30).content == content
    assert account.session.get(document["url"].replace("/files/", "/files/9"), timeout=30).status_code == 403
    assert account.control.rates()["total"] == 3
    dumped = account.control.dump()["document"][str(document["id"])]
    assert dumped["sha256"] == hashlib.sha256(content).hexdigest()
    account.control.advance(4000)
    assert account.session.get(document["url"], timeout=30).status_code == 403


def test_a_file_too_large_or_a_full_store_is_refused_and_leaves_nothing(account: Opened) -> None:
    patient = account.contact()
    account.control.settings(file_bytes=1000, file_storage_bytes=1500)
    assert "less than 1000 bytes" in account.upload(patient["id"], b"x" * 1001).text
    assert account.upload(patient["id"], b"x" * 1000).status_code == 200
    assert "file storage limit" in account.upload(patient["id"], b"x" * 501).text
    assert account.upload(1, b"x").status_code == 400
    assert account.control.counts()["file_bytes"] == 1000
    assert len(list((account.sandbox.directory / "files").iterdir())) == 1


def test_files_are_deleted_only_where_the_account_is_said_to_do_it(account: Opened) -> None:
    number = account.upload(account.contact()["id"], b"x").json()["id"]
    assert account.refused("DELETE", f"/documents/{number}", status=501)
    account.control.settings(document_delete=True)
    account.ok("DELETE", f"/documents/{number}")
    assert account.control.counts()["document"] == 0


def test_an_upload_that_is_no_multipart_is_refused(account: Opened) -> None:
    patient = account.contact()
    assert account.refused("POST", "/documents", {"targetable_id": patient["id"]})
    broken = account.call(
        "POST", "/documents", data=b"--b\r\n", headers={"Content-Type": "multipart/form-data; boundary=b"}
    )
    assert broken.status_code == 400
    nothing = account.call("POST", "/documents", files={"file_name": (None, "x")})
    assert nothing.json()["errors"]["message"] == ["File can't be blank"]
