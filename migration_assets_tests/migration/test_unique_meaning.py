"""Values that one record may have: who keeps them, and what the others show by the practice's choice."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from migration_assets.migration.declared_meaning import AgainMeaning, FieldMeaning, UniqueMeaning
from migration_assets.migration.field_meaning import EXPECTED, RAW
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.migration.unique_meaning import Space, expected_unique
from migration_assets.objects.base import CORRECTION_COLUMNS, REJECT_COLUMNS
from migration_assets.panda.profile import load_profile
from migration_assets.practice import Policies
from migration_assets_tests.migration.meaning_frames import listed

FIELDS: Mapping[str, FieldMeaning] = {
    "email": UniqueMeaning.model_validate(
        {
            "unique": {"column": "Email", "as": "text"},
            "by": "shared_emails",
            "again": {"second_field": "nothing", "first": "nothing", "as_is": "same"},
        }
    ),
    "other": AgainMeaning.model_validate({"again_of": "email", "when": {"shared_emails": ["second_field"]}}),
}
SPACES: list[Space] = [
    ("provider", "Provider", "ProviderID", FIELDS),
    ("patient", "Patient", "PatientID", FIELDS),
]


def raw(policies: Policies, *refused: str) -> RawPractice:
    rejects = [{"source_table": "Patient", "source_key": key, "code": "missing_value"} for key in refused]
    return RawPractice(
        practice="maple",
        zone=ZoneInfo("America/New_York"),
        profile=load_profile("default"),
        tables={
            "Provider": pl.DataFrame({"ProviderID": [1], "Email": ["Vale@example.org"]}),
            "Patient": pl.DataFrame(
                {
                    "PatientID": [10, 9, 8, 7],
                    "Email": ["kin@example.org", " KIN@example.org ", "vale@example.org", None],
                }
            ),
        },
        rejects=listed(REJECT_COLUMNS, *rejects),
        corrections=pl.DataFrame(schema=CORRECTION_COLUMNS),
        policies=policies,
    )


def told(field: str, practice: RawPractice) -> dict[str, str | None]:
    found = expected_unique("patient", FIELDS, SPACES, practice)[field]
    return dict(found.select(RAW, EXPECTED).iter_rows())


@pytest.mark.parametrize(
    ("choice", "email", "other"),
    [
        ("second_field", None, "kin@example.org"),
        ("first", None, None),
        ("as_is", "kin@example.org", None),
    ],
)
def test_the_first_by_key_space_and_number_keeps_it(
    choice: str, email: str | None, other: str | None
) -> None:
    practice = raw(Policies.model_validate({"shared_emails": choice}))
    emails, others = told("email", practice), told("other", practice)

    assert emails["9"] == "KIN@example.org"
    assert (emails["10"], others.get("10")) == (email, other)
    assert (emails["8"], others.get("8")) == (
        (None, "vale@example.org") if choice == "second_field" else (email and "vale@example.org", None)
    )
    assert "9" not in others
    assert "7" not in emails


def test_a_row_that_was_refused_keeps_nothing_from_others() -> None:
    assert told("email", raw(Policies(), "9"))["10"] == "kin@example.org"


def test_a_name_that_is_there_again_has_the_id_behind_it() -> None:
    fields: Mapping[str, FieldMeaning] = {
        "name": UniqueMeaning.model_validate(
            {"unique": {"column": "Email", "as": "text"}, "again": {"always": "with_id"}}
        )
    }
    spaces: list[Space] = [("patient", "Patient", "PatientID", fields)]
    found = expected_unique("patient", fields, spaces, raw(Policies()))["name"]

    assert dict(found.select(RAW, EXPECTED).iter_rows())["10"] == "kin@example.org (10)"
