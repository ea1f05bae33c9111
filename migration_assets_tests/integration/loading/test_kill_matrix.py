"""A worker killed with SIGKILL at each boundary of an upload: the next run loses and doubles nothing.

A boundary is a request that the org holds, or a statement before which the ledger kills its own process.
The account and the contacts are there already, since no worker dies among them: the first two jobs carry
exams, and most workers die within the second of those. What comes after (companions, single teeth, plans,
lines) is loaded by the same code; some die there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from migration_assets_tests.integration.installation import (
    JOB_ROWS,
    OBJECTS,
    UPLOADS,
    Installation,
    Org,
    assert_all_arrived,
    assert_there_once,
)
from migration_assets_tests.integration.worker import DieAt
from migration_sandbox.salesforce.control import Control
from migration_sandbox.salesforce.launch import SalesforceSandbox

_EXAM, _COMPANION, _LINE = "ClinicalExam__c", "ClinicalExamChart2__c", "TreatmentPlanLine__c"
_FIRST_EXAM_JOB, _SECOND_EXAM_JOB = 1, 2
_SECOND_COMPANION_JOB, _SECOND_LINE_JOB = 5, 10
_EXAMS_READ = 1
"""Before an object is sent, what is there is read."""
_CREATE, _UPLOAD, _CLOSE = r"/jobs/ingest/?$", r"/jobs/ingest/[^/]+/batches", r"/jobs/ingest/[^/]+$"
_RESULTS, _READ = r"/jobs/ingest/[^/]+/successfulResults", r"/jobs/query/?$"
_PEOPLE, _KILLED_AMONG, _EXAMS = UPLOADS[:2], UPLOADS[2:], UPLOADS[2:3]
_UP_TO_THE_EXAMS = (*_PEOPLE, *_EXAMS)
_OF_MANY_JOBS = _UP_TO_THE_EXAMS[1:]
_ASSETS = {sobject: asset for asset, sobject in OBJECTS.items()}
_RESULTS_AT_ONCE = 8


@dataclass(frozen=True)
class Held:
    """The worker dies while the org holds this request."""

    method: str
    path: str
    moment: str = "before"
    size: int = 0
    nth: int = _SECOND_EXAM_JOB


@dataclass(frozen=True)
class Boundary:
    """``open_batches``: how many the worker leaves behind; ``job``: how the ``jobs``-th job, which was under
    way, ends."""

    name: str
    at: Held | DieAt
    open_batches: int
    job: str | None
    sobject: str = _EXAM
    jobs: int = _SECOND_EXAM_JOB


BOUNDARIES = (
    Boundary("before the intent", Held("POST", _READ, nth=_EXAMS_READ), 0, None),
    Boundary("inside the intent's write", DieAt("INTO record_events.*'intended'", JOB_ROWS + 9), 0, None),
    Boundary("intent without a job", Held("POST", _CREATE), 1, None),
    Boundary("job created, its id unsaved", Held("POST", _CREATE, "after"), 1, "Aborted"),
    Boundary(
        "id received, not yet written",
        DieAt("INTO batch_events.*'job_created'", _SECOND_EXAM_JOB),
        1,
        "Aborted",
    ),
    Boundary("id saved, nothing uploaded", Held("PUT", _UPLOAD), 1, "Aborted"),
    Boundary("in the middle of the upload", Held("PUT", _UPLOAD, "upload", 2_000), 1, "Aborted"),
    Boundary("content uploaded, answer lost", Held("PUT", _UPLOAD, "after"), 1, "Aborted"),
    Boundary("content uploaded, not closed", Held("PATCH", _CLOSE), 1, "Aborted"),
    Boundary("closed, the answer lost", Held("PATCH", _CLOSE, "after"), 1, "JobComplete"),
    Boundary(
        "job complete, its end unwritten",
        DieAt("INTO batch_events.*'job_ended'", _SECOND_EXAM_JOB),
        1,
        "JobComplete",
    ),
    Boundary("before the results", Held("GET", _RESULTS), 1, "JobComplete"),
    Boundary("in the middle of the results", Held("GET", _RESULTS, "download", 2_000), 1, "JobComplete"),
    Boundary(
        "inside the results' write",
        DieAt("INTO record_events.*'loaded'", JOB_ROWS + _RESULTS_AT_ONCE + 4),
        1,
        "JobComplete",
    ),
    Boundary(
        "between two writes of results",
        DieAt("INTO record_events.*'loaded'", JOB_ROWS + _RESULTS_AT_ONCE + 1),
        1,
        "JobComplete",
    ),
    Boundary(
        "before the batch is settled",
        DieAt("INTO batch_events.*'settled'", _SECOND_EXAM_JOB),
        1,
        "JobComplete",
    ),
    Boundary(
        "in the middle of reading what is there",
        Held("GET", "/jobs/query/[^/]+/results", "after", nth=_EXAMS_READ),
        0,
        None,
    ),
    Boundary(
        "a companion's content uploaded, not closed",
        Held("PATCH", _CLOSE, nth=_SECOND_COMPANION_JOB),
        1,
        "Aborted",
        _COMPANION,
        _SECOND_COMPANION_JOB,
    ),
    Boundary(
        "in the middle of the lines' results",
        Held("GET", _RESULTS, "download", 100, nth=_SECOND_LINE_JOB),
        1,
        "JobComplete",
        _LINE,
        _SECOND_LINE_JOB,
    ),
)


@pytest.fixture(scope="module")
def with_people(
    template: Installation, sandbox: SalesforceSandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """The account and the contacts have been uploaded; the org keeps them from test to test."""
    sandbox.control.reset()
    made = template.copy(tmp_path_factory.mktemp("with_people") / "data")
    ended = made.run(*_PEOPLE, run_id="people")
    assert ended.error is None, ended.message
    yield made
    sandbox.control.reset()


@pytest.fixture
def control(sandbox: SalesforceSandbox) -> Control:
    control = sandbox.control
    control.reset(kept=[OBJECTS[step.removeprefix("upload ")] for step in _PEOPLE])
    return control


@pytest.fixture
def installation(
    with_people: Installation,
    control: Control,  # noqa: ARG001
    tmp_path: Path,
) -> Iterator[Installation]:
    """A copy of the folder that goes with what ``control`` has left in the org."""
    made = with_people.copy(tmp_path / "data")
    with made.in_environment():
        yield made


def _newest(jobs: Collection[str]) -> str:
    return max(jobs)


def _kill_at(installation: Installation, control: Control, at: Held | DieAt) -> None:
    if isinstance(at, DieAt):
        assert installation.run(*_KILLED_AMONG, die_at=at, results_at_once=_RESULTS_AT_ONCE).signal == 9
        return
    hold = control.hold(at.method, at.path, at.nth, at.moment, at.size)
    worker = installation.start(*_KILLED_AMONG, results_at_once=_RESULTS_AT_ONCE)
    hold.wait()
    worker.kill()
    hold.drop()
    assert worker.wait().signal == 9


@pytest.mark.parametrize("boundary", BOUNDARIES, ids=lambda each: each.name)
def test_after_a_kill_the_next_run_ends_the_upload(
    boundary: Boundary, installation: Installation, control: Control, org: Org
) -> None:
    jobs_before = org.jobs()
    _kill_at(installation, control, boundary.at)
    left = installation.open_batches()
    jobs_left = org.jobs().keys() - jobs_before.keys()

    # What comes after the exams has its own boundaries, and all of it is compared after the random kills.
    resumed = _EXAMS if boundary.sobject == _EXAM else _KILLED_AMONG
    ended = installation.run(*resumed, run_id="resumed")

    assert ended.error is None, ended.message
    assert left == [boundary.sobject] * boundary.open_batches
    under_way = _newest(jobs_left) if len(jobs_left) == boundary.jobs else None
    assert (org.jobs()[under_way] if under_way else None) == boundary.job
    again = (f"upload {_ASSETS[boundary.sobject]}",)
    assert_there_once(installation, org, again=again, loaded=(*_PEOPLE, *resumed))


def test_a_job_that_the_org_still_works_on_is_waited_for(
    installation: Installation, control: Control, org: Org
) -> None:
    uploaded = control.hold("PUT", _UPLOAD, _FIRST_EXAM_JOB)
    closed = control.hold("PATCH", _CLOSE, _FIRST_EXAM_JOB, "after")
    worker = installation.start(*_EXAMS)
    uploaded.wait()
    control.settings(bulk_batch_pause_seconds=1)
    uploaded.release()
    closed.wait()
    polled = control.hold("GET", _CLOSE)
    closed.release()
    polled.wait()
    worker.kill()
    polled.drop()
    working = _newest(org.jobs())
    state = org.jobs()[working]
    control.settings(bulk_batch_pause_seconds=0)

    ended = installation.run(*_EXAMS)

    assert state == "InProgress"
    assert ended.error is None, ended.message
    assert org.jobs()[working] == "JobComplete"
    assert_there_once(installation, org, again=_OF_MANY_JOBS, loaded=_UP_TO_THE_EXAMS)


@pytest.mark.parametrize(("method", "path"), [("PUT", _UPLOAD), ("PATCH", _CLOSE)])
def test_what_a_dead_worker_had_sent_changes_nothing_when_it_arrives_late(
    method: str, path: str, installation: Installation, control: Control, org: Org
) -> None:
    hold = control.hold(method, path, _FIRST_EXAM_JOB)
    worker = installation.start(*_EXAMS)
    hold.wait()
    worker.kill()
    installation.run(*_EXAMS)

    hold.release()

    assert_there_once(installation, org, again=_OF_MANY_JOBS, loaded=_UP_TO_THE_EXAMS)


@pytest.mark.parametrize("path", [_CLOSE, _RESULTS], ids=["the job aborted", "the job complete"])
def test_a_worker_killed_while_it_settles_what_another_left_is_settled_too(
    path: str, installation: Installation, control: Control, org: Org
) -> None:
    """A job that the first settling has aborted holds no content and no results."""
    _kill_at(installation, control, Held("PUT", _UPLOAD) if path == _CLOSE else Held("GET", _RESULTS))
    _kill_at(installation, control, Held("PATCH" if path == _CLOSE else "GET", path, "after", nth=1))
    assert installation.open_batches() == [_EXAM]

    ended = installation.run(*_EXAMS, run_id="resumed")

    assert ended.error is None, ended.message
    assert_there_once(installation, org, again=_OF_MANY_JOBS, loaded=_UP_TO_THE_EXAMS)


def test_an_empty_job_within_the_grace_is_left_alone_since_it_may_be_anothers(
    installation: Installation, control: Control, org: Org
) -> None:
    """Another practice's run may be between creating its job and writing it down."""
    installation.configure(orphan_grace=3600)
    theirs = org.session.bulk.create(_EXAM, "upsert", externalIdFieldName="PANDA_Key__c")
    hold = control.hold("POST", _CREATE, _FIRST_EXAM_JOB, "after")
    worker = installation.start(*_EXAMS)
    hold.wait()
    worker.kill()
    hold.drop()
    ours = _newest(org.jobs())

    installation.run(*_EXAMS, run_id="with grace")
    assert (org.jobs()[theirs], org.jobs()[ours]) == ("Open", "Open")

    org.session.bulk.request("PATCH", f"/jobs/ingest/{theirs}", json={"state": "Aborted"})
    installation.configure(orphan_grace=0)
    installation.run(*_EXAMS, run_id="a later run")
    assert org.jobs()[ours] == "Aborted"
    assert_there_once(installation, org, again=_OF_MANY_JOBS, loaded=_UP_TO_THE_EXAMS)


def test_a_reconciliation_killed_while_reading_back_is_simply_done_again(
    installation: Installation, control: Control, org: Org
) -> None:
    installation.run(*_KILLED_AMONG)
    hold = control.hold("GET", "/jobs/query/[^/]+/results", 3, "download", 2_000)
    worker = installation.start("reconcile")
    hold.wait()
    worker.kill()
    hold.drop()

    assert_all_arrived(installation, org, again=_OF_MANY_JOBS)
