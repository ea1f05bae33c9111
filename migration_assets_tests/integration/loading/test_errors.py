"""What a person is told when something outside fails: what is wrong, where, and what to do next.

Whole sentences are compared, so no secret and no patient's value can be in them. After the cause is gone the
next run ends the upload.
"""

from __future__ import annotations

import re
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from migration_assets.errors import DestinationWithoutRoom
from migration_assets_tests.integration.installation import (
    REHEARSAL,
    Installation,
    Org,
    assert_all_arrived,
    assert_there_once,
)
from migration_sandbox.salesforce.control import Control
from migration_sandbox.salesforce.launch import SalesforceSandbox

_WHERE = "maple: salesforce/rehearsal: "
_PEOPLE = ("upload account", "upload contact")


def test_a_wrong_client_secret(installation: Installation, org: Org) -> None:
    ended = installation.run(environment={"WIRE_SF_CLIENT_SECRET": "not-the-secret"})

    assert (ended.error, ended.message) == (
        "DestinationLoginFailed",
        f"{_WHERE}Salesforce refused the client_credentials login (invalid_client): the connected app "
        "doesn't know this client id or secret; check both variables "
        "(WIRE_SF_CLIENT_ID, WIRE_SF_CLIENT_SECRET)",
    )
    assert org.keys("Account", "Contact") == {"Account": [], "Contact": []}


def test_an_org_that_cant_be_reached(installation: Installation) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        ended = installation.run(environment={"WIRE_SF_URL": f"https://127.0.0.1:{taken.getsockname()[1]}"})

    assert (ended.error, ended.message) == (
        "DestinationUnreachable",
        f"{_WHERE}Salesforce can't be reached (ConnectionError); check instance_url, the network and "
        "status.salesforce.com, then run again",
    )


def test_a_certificate_that_nobody_vouches_for(installation: Installation) -> None:
    import certifi

    ended = installation.run(environment={"WIRE_SF_CA": certifi.where()})

    assert (ended.error, ended.message) == (
        "DestinationUnreachable",
        f"{_WHERE}Salesforce's certificate can't be verified; set ca_bundle to the authority's file, or "
        "check instance_url and the proxy",
    )


@contextmanager
def _unprepared(directory: Path, edition: str, patch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """A practice and an org that know nothing of each other yet."""
    with SalesforceSandbox(directory / "org", edition=edition, sandbox_org=True) as running:
        made = Installation.create(directory / "data", running)
        for name, value in made.environment.items():
            patch.setenv(name, value)
        yield made


def test_an_org_whose_contact_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with _unprepared(tmp_path, "enterprise", monkeypatch) as unprepared:
        unprepared.org.control.fill_custom_fields("Contact", 500)

        with pytest.raises(DestinationWithoutRoom) as refused:
            unprepared.migration().prepare()

    assert re.sub(r"\d+ new", "N new", str(refused.value)) == (
        f"{_WHERE}the planned fields don't fit and nothing was deployed; map fewer measures, delete unused "
        "fields there (and erase them), lower fields_left_free, or use a larger edition:\n"
        "  Contact: N new custom fields, room for 0 (limit 500, 500 there, 25 left free)"
    )


def test_a_token_that_expires_on_the_way_is_renewed_and_nobody_notices(
    installation: Installation, control: Control
) -> None:
    upload = control.hold("PUT", "/batches", 3)
    worker = installation.start(*_PEOPLE)
    upload.wait()
    control.expire_tokens()
    upload.release()

    ended = worker.wait()

    assert ended.error is None, ended.message
    assert [entry.status for entry in control.requests() if entry.status == 401]
    assert_there_once(installation, Org.of(installation.org), again=_PEOPLE, loaded=_PEOPLE)


def _files_no_longer_than(size: int) -> None:
    """What a full disk is to a process: a write beyond fails, also root's."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_disk_that_is_full_under_the_warehouse(installation: Installation, org: Org) -> None:
    path: Path = installation.platform.upload_warehouse(REHEARSAL).path

    ended = installation.run("payload", prepare=partial(_files_no_longer_than, 100_000))

    assert ended.error == "DiskFull", ended
    assert re.fullmatch(
        re.escape(str(path)) + r": no room to write, \d+ MB are free there; make room and materialise again "
        r"\(the former tables are as they were\)",
        ended.message,
    ), ended.message
    installation.run("payload")
    installation.run()
    assert_all_arrived(installation, org, again=("upload contact",))


def test_a_disk_that_is_full_under_the_ledger(installation: Installation, org: Org) -> None:
    installation.run("upload account")

    ended = installation.run(prepare=partial(_files_no_longer_than, 60_000))

    assert (ended.error, ended.message) == (
        "LedgerError",
        "practice maple: a decision can't be written (OperationalError); check that the ledger's disk has "
        "room and that it can be written",
    )
    assert org.keys("ClinicalExam__c") == {"ClinicalExam__c": []}
    installation.run(run_id="with room")
    assert_all_arrived(installation, org, again=("upload contact", "upload clinical_exam"))
