"""Staff users: who can be matched by e-mail, and who can't."""

from __future__ import annotations

from migration_assets.objects.base import Staged
from migration_assets.objects.staff_users import STAFF_USERS
from migration_assets_tests.objects.rows import Row, changes
from migration_assets_tests.objects.rows_of_referrals import staff_user, stage_alone


def staged(*rows: Row) -> Staged:
    return stage_alone(STAFF_USERS, staff=list(rows))


def test_a_login_is_staged_as_it_stands() -> None:
    told = staged(staff_user(WindowsLogin=" PERIO\\avale ", Role="hygienist", Active=False))

    assert told.rows.drop("modified_at").row(0, named=True) == {
        "source_id": "50",
        "windows_login": "PERIO\\avale",
        "full_name": "Ada Vale",
        "role": "hygienist",
        "email": "ada@practice.example",
        "active": False,
    }


def test_an_email_that_is_none_is_left_empty_and_listed() -> None:
    told = staged(staff_user(Email="front desk"), staff_user(51, Email=None))

    assert told.rows["email"].to_list() == [None, None]
    assert changes(told) == [("50", "Email", "invalid_email", "front desk")]


def test_active_users_whom_an_email_cant_tell_are_counted() -> None:
    told = staged(
        staff_user(1, Email="desk@practice.example"),
        staff_user(2, Email="Desk@practice.example"),
        staff_user(3, Email="desk@practice.example", Active=False),
        staff_user(4, Email=" "),
        staff_user(5, Email=None, Active=False),
        staff_user(6),
    )

    assert (told.findings["shared_email"], told.findings["no_email"]) == (2, 1)
    assert told.rows.height == 6


def test_a_flag_that_is_missing_stays_missing() -> None:
    assert staged(staff_user(Active=None)).rows["active"].item() is None
