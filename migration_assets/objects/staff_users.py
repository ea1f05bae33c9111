"""Staff users: the schema of ``staged.staff_users`` and how rows of StaffUser become it.

Those who log in at the practice; who treats or refers is a provider. By e-mail they become a destination's
users, or an invitation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import pandera.polars as pa
import polars as pl

from migration_assets.objects import local_time, source_rows
from migration_assets.objects.base import Staged, StagedObject, StagingContext, StagingInputs
from migration_assets.objects.corrections import Correction
from migration_assets.objects.outcome import Rules, settle
from migration_assets.objects.plausible import is_address
from migration_assets.objects.source_rows import Kind
from migration_assets.objects.validation import Verdict

_TABLE = "StaffUser"
_KEY = "UserID"

_TEXTS = {
    "windows_login": "WindowsLogin",
    "full_name": "FullName",
    "role": "Role",
    "email": "Email",
}
SOURCE_COLUMNS: Mapping[str, str] = {
    "source_id": _KEY,
    **_TEXTS,
    "active": "Active",
    "modified_at": "ModifiedAt",
}
_KINDS: Mapping[str, Kind] = {
    _KEY: Kind.KEY,
    **dict.fromkeys(_TEXTS.values(), Kind.TEXT),
    "Active": Kind.FLAG,
    "ModifiedAt": Kind.TIME,
}
_SENTENCES: Mapping[str, str] = {
    "invalid_email": "the e-mail is no address that could receive anything; it is left empty",
}


class StaffUser(pa.DataFrameModel):
    """``staged.staff_users``: one row a login; a flag that the practice doesn't keep stays missing."""

    source_id: pl.String = pa.Field(unique=True)
    windows_login: pl.String = pa.Field(nullable=True)
    full_name: pl.String = pa.Field(nullable=True)
    role: pl.String = pa.Field(nullable=True)
    email: pl.String = pa.Field(nullable=True)
    active: pl.Boolean = pa.Field(nullable=True)
    modified_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)

    class Config:
        strict = True
        ordered = True


_RULES = Rules("staff_users", StaffUser, SOURCE_COLUMNS, _SENTENCES)


def stage(inputs: StagingInputs, context: StagingContext) -> Staged:
    """Rows of StaffUser as ``StaffUser`` says.

    Findings: ``shared_email`` counts active users who have an address together with another active one (case
    doesn't count), ``no_email`` active ones without any; neither can be matched to a user by e-mail alone.
    """
    source = source_rows.read(inputs, context, _TABLE, _KINDS)
    frame = source.frame
    no_address = ~is_address(frame["Email"])
    modified = local_time.to_utc(frame["ModifiedAt"], context.time_zone)
    rows = frame.select(
        pl.col(_KEY).alias("source_id"),
        *(pl.col(column).alias(staged) for staged, column in _TEXTS.items()),
        pl.col("Active").alias("active"),
        modified.times.alias("modified_at"),
    ).with_columns(frame["Email"].set(no_address, None).alias("email"))
    return settle(
        _RULES,
        source,
        rows,
        corrected=[Correction("invalid_email", "Email", no_address)],
        times={"modified_at": modified},
        counted=_findings,
    )


def _findings(verdict: Verdict) -> dict[str, int]:
    emails = verdict.rows.filter("active")["email"]
    return {
        "shared_email": int(emails.drop_nulls().str.to_lowercase().is_duplicated().sum()),
        "no_email": emails.null_count(),
    }


STAFF_USERS = StagedObject(
    name="staff_users",
    source_table=_TABLE,
    reads=(_TABLE,),
    uses=(),
    model=StaffUser,
    stage=stage,
    source_columns=SOURCE_COLUMNS,
)
