"""The decisions log: appended, never changed, and whoever changes it is found out."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine, text

from migration_assets.errors import DecisionLogBroken, LedgerError
from migration_assets.migration.attesting import here
from migration_assets.migration.decisions import (
    Approval,
    Decision,
    DecisionLog,
    Exported,
    Head,
    RehearsalCompleted,
    RollbackDecided,
    SchemaRemoved,
)
from migration_assets.migration.practice_keys import PracticeKeys


def rehearsal(run_id: str) -> RehearsalCompleted:
    return RehearsalCompleted(destination="salesforce", run_id=run_id, plan_hash="plan", clean=True)


def approval(by: str = "Dr. Ames") -> Approval:
    return Approval(
        destination="salesforce",
        approved_by=by,
        os_user="ames",
        host="desk",
        plan_hash="plan",
        rehearsal_run_id="r1",
    )


@pytest.fixture
def log(engine: Engine, keys: PracticeKeys) -> DecisionLog:
    return DecisionLog(engine, "maple", keys)


@pytest.fixture
def three(log: DecisionLog) -> DecisionLog:
    for run_id in ("r1", "r2", "r3"):
        log.append(rehearsal(run_id))
    return log


def tamper(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


def test_an_empty_log_is_sound(log: DecisionLog) -> None:
    assert log.entries() == []
    assert log.verify() == Head(0, "0" * 64)


def test_entries_come_back_as_they_were_decided_oldest_first(log: DecisionLog) -> None:
    decisions: list[Decision] = [rehearsal("r1"), approval(), rehearsal("r2")]
    heads = [log.append(decision) for decision in decisions]

    assert log.entries() == decisions
    assert [head.sequence for head in heads] == [1, 2, 3]
    assert log.verify() == heads[-1]


@pytest.mark.parametrize("name", ["", "   "])
def test_an_approval_needs_a_name(name: str) -> None:
    with pytest.raises(ValidationError):
        approval(by=name)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE decisions SET entry = replace(entry, 'true', 'false') WHERE sequence = 2", 2),
        ("UPDATE decisions SET entry = 'no JSON' WHERE sequence = 2", 2),
        ("UPDATE decisions SET kind = 'approval' WHERE sequence = 3", 3),
        ("UPDATE decisions SET link = '00' WHERE sequence = 1", 1),
        ("DELETE FROM decisions WHERE sequence = 2", 2),
        ("DELETE FROM decisions WHERE sequence = 1", 1),
        ("UPDATE decisions SET sequence = sequence + 10 WHERE sequence = 3", 3),
        ("UPDATE decisions SET link = lower(upper(link)), entry = entry || ' ' WHERE sequence = 2", 2),
    ],
)
def test_a_changed_log_names_its_first_bad_entry(
    three: DecisionLog, engine: Engine, statement: str, named: int
) -> None:
    tamper(engine, statement)

    with pytest.raises(DecisionLogBroken, match=f"practice maple: entry {named} of the decisions log"):
        three.verify()
    with pytest.raises(DecisionLogBroken):
        three.entries()


def test_entries_of_older_versions_stay_readable_and_in_the_chain(
    log: DecisionLog, engine: Engine, keys: PracticeKeys
) -> None:
    older = (
        '{"at":"2026-03-01T10:00:00Z","destination":"salesforce","kind":"rehearsal_completed","run_id":"r1",'
        '"plan_hash":"p","clean":true}',
        '{"at":"2026-03-01T11:00:00Z","destination":"salesforce","kind":"approval","approved_by":"Dr. Ames",'
        '"os_user":"ames","host":"desk","plan_hash":"p","rehearsal_run_id":"r1"}',
    )
    previous = log.verify().link
    for number, entry in enumerate(older, start=1):
        previous = keys.chain(previous, f"{number}:{entry}".encode())
        kind = "rehearsal_completed" if number == 1 else "approval"
        with engine.begin() as connection:
            row = (number, kind, entry, previous)
            connection.exec_driver_sql("INSERT INTO decisions VALUES ('maple', ?, ?, ?, ?)", row)

    assert log.append(rehearsal("r2")).sequence == 3
    first, second, _ = log.entries()
    assert isinstance(first, RehearsalCompleted)
    assert isinstance(second, Approval)
    assert (first.plan_parts, first.counts, second.plan_parts, second.attestation) == ({}, {}, {}, None)


@pytest.mark.parametrize("kind", [RollbackDecided, SchemaRemoved])
@pytest.mark.parametrize("name", ["", "  ", None])
def test_what_takes_records_away_needs_the_name_of_who_decides(
    kind: type[RollbackDecided | SchemaRemoved], name: str | None
) -> None:
    with pytest.raises(ValidationError):
        kind.model_validate({"destination": "salesforce", "environment": "live", "decided_by": name})


def test_a_deed_says_which_user_of_which_machine_did_it(log: DecisionLog) -> None:
    log.append(Exported(destination="salesforce", environment="live", run_id="r1", hashes={"a.html": "00"}))

    (entry,) = log.entries()
    assert isinstance(entry, Exported)
    assert (entry.os_user, entry.host) == (here()["os_user"], here()["host"])


def test_a_broken_chain_isnt_continued(three: DecisionLog, engine: Engine) -> None:
    tamper(engine, "DELETE FROM decisions WHERE sequence = 1")

    with pytest.raises(DecisionLogBroken):
        three.append(rehearsal("r4"))


def test_a_cut_tail_shows_in_the_head(three: DecisionLog, engine: Engine) -> None:
    before = three.verify()
    tamper(engine, "DELETE FROM decisions WHERE sequence = 3")

    assert three.verify() != before


@pytest.mark.usefixtures("three")
def test_entries_of_another_key_dont_verify(engine: Engine) -> None:
    other = DecisionLog(engine, "maple", PracticeKeys("maple", "another secret altogether"))

    with pytest.raises(DecisionLogBroken, match="entry 1"):
        other.verify()


def test_practices_have_chains_of_their_own(three: DecisionLog, engine: Engine) -> None:
    oak = DecisionLog(engine, "oak", PracticeKeys("oak", "correct horse battery staple"))
    oak.append(rehearsal("r1"))

    assert oak.verify().sequence == 1
    assert three.verify().sequence == 3


def test_another_practices_entries_dont_pass_for_its_own(three: DecisionLog, engine: Engine) -> None:
    assert three.verify().sequence == 3
    tamper(engine, "UPDATE decisions SET practice = 'oak'")

    with pytest.raises(DecisionLogBroken, match="practice oak: entry 1"):
        DecisionLog(engine, "oak", PracticeKeys("oak", "correct horse battery staple")).verify()


def test_a_log_that_cant_be_written_is_our_error_without_the_entry(log: DecisionLog, engine: Engine) -> None:
    tamper(
        engine,
        "CREATE TRIGGER full BEFORE INSERT ON decisions BEGIN SELECT RAISE(FAIL, 'disk is full'); END",
    )

    with pytest.raises(LedgerError) as error:
        log.append(approval())
    assert "Ames" not in str(error.value)
