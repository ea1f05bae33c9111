"""The audit log against what other places remember: five ways to falsify it, and each is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from migration_assets.errors import ConfigurationError, DecisionLogBroken
from migration_assets.migration.audit import Anchor, parse_anchor, report_anchors, require_sound, verify
from migration_assets.migration.decisions import DecisionLog, UploadEnded
from migration_assets.migration.practice_keys import PracticeKeys


def ended(run_id: str) -> UploadEnded:
    return UploadEnded(destination="salesforce", environment="live", run_id=run_id, object="Contact")


@pytest.fixture
def log(engine: Engine, keys: PracticeKeys) -> DecisionLog:
    return DecisionLog(engine, "maple", keys)


@pytest.fixture
def anchors(log: DecisionLog) -> list[Anchor]:
    """Heads of a log of five entries, as a run showed each."""
    heads = [log.append(ended(f"r{number}")) for number in range(1, 6)]
    return [Anchor(each.sequence, each.link, f"run r{each.sequence}") for each in heads]


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def change_one_byte(engine: Engine, log: DecisionLog) -> None:  # noqa: ARG001
    run(engine, "UPDATE decisions SET entry = replace(entry, 'r3', 'r7') WHERE sequence = 3")


def remove_one(engine: Engine, log: DecisionLog) -> None:  # noqa: ARG001
    run(engine, "DELETE FROM decisions WHERE sequence = 2")


def swap_two_rows(engine: Engine, log: DecisionLog) -> None:  # noqa: ARG001
    run(
        engine,
        "UPDATE decisions SET sequence = 99 WHERE sequence = 2",
        "UPDATE decisions SET sequence = 2 WHERE sequence = 4",
        "UPDATE decisions SET sequence = 4 WHERE sequence = 99",
    )


def swap_two_texts(engine: Engine, log: DecisionLog) -> None:  # noqa: ARG001
    run(
        engine,
        "UPDATE decisions SET entry = (SELECT other.entry FROM decisions AS other WHERE other.sequence "
        "= CASE decisions.sequence WHEN 2 THEN 4 ELSE 2 END) WHERE sequence = 4",
    )


def cut_the_tail(engine: Engine, log: DecisionLog) -> None:  # noqa: ARG001
    run(engine, "DELETE FROM decisions WHERE sequence = 5")


def make_it_anew(engine: Engine, log: DecisionLog) -> None:
    run(engine, "DELETE FROM decisions")
    for number in range(1, 8):
        log.append(ended(f"r{number}"))


def cut_and_go_on(engine: Engine, log: DecisionLog) -> None:
    cut_the_tail(engine, log)
    log.append(ended("another r5"))


Attack = Callable[[Engine, DecisionLog], None]


@pytest.mark.parametrize(
    ("attack", "entry", "said"),
    [
        (change_one_byte, 3, "was altered"),
        (remove_one, 2, "was removed"),
        (swap_two_rows, 2, "was swapped: it stands at place 4 now"),
        (swap_two_texts, 4, "was altered"),
        (cut_the_tail, 5, "is missing: the log ends with entry 4, and run r5 shows entry 5"),
        (make_it_anew, 1, "isn't the one that run r1 shows"),
        (cut_and_go_on, 5, "isn't the one that run r5 shows"),
    ],
)
def test_each_way_to_falsify_the_log_is_found_with_its_first_bad_entry(
    log: DecisionLog, engine: Engine, anchors: list[Anchor], attack: Attack, entry: int, said: str
) -> None:
    assert verify(log, anchors).sound

    attack(engine, log)

    verdict = verify(log, anchors)
    assert verdict.entry == entry
    assert said in str(verdict.fault)
    with pytest.raises(DecisionLogBroken, match=f"practice maple: entry {entry} of the decisions log"):
        require_sound(log, "maple", anchors)


def test_one_late_anchor_is_enough_for_a_log_made_anew(
    log: DecisionLog, engine: Engine, anchors: list[Anchor]
) -> None:
    make_it_anew(engine, log)

    assert verify(log, []).sound
    assert verify(log, anchors[3:4]).entry == 4


def test_a_verdict_says_with_what_it_compared(log: DecisionLog, anchors: list[Anchor]) -> None:
    verdict = verify(log, anchors)

    assert (verdict.head.sequence, verdict.anchors, verdict.newest) == (5, 5, anchors[4])


def test_heads_are_taken_from_reports_and_from_a_persons_note(
    tmp_path: Path, log: DecisionLog, anchors: list[Anchor]
) -> None:
    head = log.verify()
    folder = tmp_path / "salesforce" / "live"
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(json.dumps({"audit_log": head.described()}))
    (folder / "other.json").write_text('{"audit_log": null}')
    (folder / "list.json").write_text("[1]")
    (folder / "torn.json").write_text('{"audit_log": ')

    assert report_anchors(tmp_path) == [Anchor(5, head.link, "report.json")]
    assert parse_anchor(f" {head} ", "--head") == Anchor(5, head.link, "--head")
    with pytest.raises(ConfigurationError, match="SEQUENCE:LINK"):
        parse_anchor(f"5:{anchors[0].link[:-1]}", "--head")
