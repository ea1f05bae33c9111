"""The table StaffUser: who may log in. Most of the practice's own providers and a few at the desk."""

import numpy as np
import polars as pl

from migration_sandbox.practice import names
from migration_sandbox.practice.draw import LAST_DAY, office_times, pick, stream, weekday
from migration_sandbox.practice.people import handles
from migration_sandbox.practice.register import Register
from migration_sandbox.practice.schema import as_table

_DESK = ("office staff", "office manager", "billing", "office staff")


def staff_users(register: Register) -> pl.DataFrame:
    """Providers log in under their own e-mail address, which is what an owner is matched by."""
    rng = stream(register.seed, "staff")
    own = register.providers.filter(~pl.col("IsReferring"))
    first = pl.concat([own["FirstName"], pick(rng, names.FEMALE, len(_DESK))])
    last = pl.concat([own["LastName"], pick(rng, names.LAST, len(_DESK))])
    count = len(first)
    number = pl.Series(range(1, count + 1)).cast(pl.String)
    login = handles(first).str.head(1) + handles(last) + number
    frame = pl.DataFrame(
        {
            "UserID": np.arange(1, count + 1),
            "WindowsLogin": "PERIO\\" + login,
            "FullName": first + " " + last,
            "Role": pl.concat([own["Role"], pl.Series(_DESK)]),
            "Email": pl.concat([own["Email"], (login + "@practice.example").tail(len(_DESK))]),
            "Active": pl.Series(rng.random(count) < 0.85),
            "ModifiedAt": office_times(rng, weekday(LAST_DAY - rng.integers(4, 900, count))),
        }
    )
    return as_table("StaffUser", frame)
