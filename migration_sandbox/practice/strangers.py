"""Referrals from and to dentists whom only free text names: several a person, each written differently.

What joins two of them, and what doesn't: an e-mail in another case, a telephone number with and without its
country code, a practice with and without its legal form; a name and nothing else never does. Some of the
people stand in the address book too.
"""

import unicodedata

import numpy as np
import polars as pl

from migration_sandbox.practice import names
from migration_sandbox.practice.draw import LAST_DAY, Ints, office_times, pick, stream, weekday
from migration_sandbox.practice.people import handles
from migration_sandbox.practice.referrals import SILENT
from migration_sandbox.practice.register import Register
from migration_sandbox.practice.schema import as_table

_STATUSES = ("received", "Accepted", "completed", "sent", "Declined", "Complete")
_TYPES = ("Consultation", "Implant evaluation", "Second opinion", None)
# What stands where a name should: nobody, nothing, and an office.
_NO_PERSON = ("unknown", None, "N/A", "Smile Studio")

_COLUMNS = ("ReferrerName", "ReferrerPractice", "ReferrerPhone", "ReferrerEmail")


def strangers(register: Register, referrals: pl.DataFrame, skip: list[int]) -> pl.DataFrame:
    """More rows for Referral, of patients other than ``skip``: six a person, and some that name no person."""
    rng = stream(register.seed, "stranger")
    patients = register.patient_ids.filter(~register.patient_ids.is_in(skip))
    if patients.is_empty():
        return referrals.clear()
    known = register.providers.filter("IsReferring", pl.col("FirstName").is_not_null())
    # The last of the address book refer nobody: one of them may lose its name.
    known = known.filter(pl.col("ProviderID") <= int(str(register.providers["ProviderID"].max())) - SILENT)
    people = pl.concat(
        [_people(rng, max(3, patients.len() // 40)), _of_address_book(rng, known, patients.len())]
    )
    rows = pl.concat([*_spellings(people), _no_person()])
    count = rows.height
    day = weekday(LAST_DAY - rng.integers(40, 1800, count))
    status = pick(rng, _STATUSES, count)
    done = status.str.to_lowercase().str.starts_with("complete")
    completed = weekday(np.minimum(day + rng.integers(5, 38, count), LAST_DAY))
    first = int(str(referrals["ReferralID"].max())) + 1 if referrals.height else 80_000
    frame = rows.with_columns(
        pl.Series("ReferralID", first + np.arange(count)),
        pick(rng, patients.to_list(), count).alias("PatientID"),
        pick(rng, ("incoming", "outgoing", "Incoming"), count, (6, 3, 1)).alias("Direction"),
        pl.lit(None, pl.Int32).alias("ProviderID"),
        pick(rng, _TYPES, count).alias("ReferralType"),
        status.alias("Status"),
        pl.Series("ReferredAt", day.astype("datetime64[D]")),
        pl.Series(completed.astype("datetime64[D]")).set(~done, None).alias("CompletedAt"),
        pl.lit(None, pl.String).alias("Notes"),
        pl.Series("ModifiedAt", office_times(rng, completed)),
    )
    return as_table("Referral", frame)


def _people(rng: np.random.Generator, count: int) -> pl.DataFrame:
    """Dentists in nobody's address book; their first and last names."""
    first, last = pick(rng, names.FEMALE + names.MALE, count), pick(rng, names.LAST, count)
    number = pl.Series(rng.integers(1000, 10_000, count)).cast(pl.String)
    return pl.DataFrame(
        {
            "first": first,
            "last": last,
            "email": handles(first) + "." + handles(last) + "." + number + "@dentists.example",
            **_office(rng, last, number),
        }
    )


def _of_address_book(rng: np.random.Generator, known: pl.DataFrame, patients: int) -> pl.DataFrame:
    """Dentists who have a number in Provider, written by name all the same."""
    chosen: Ints = rng.choice(known.height, min(known.height, max(2, patients // 60)), replace=False)
    drawn = known[chosen]
    number = pl.Series(rng.integers(1000, 10_000, drawn.height)).cast(pl.String)
    named = drawn.select(first="FirstName", last="LastName", email="Email")
    return named.with_columns(**_office(rng, named["last"], number))


def _office(rng: np.random.Generator, last: pl.Series, number: pl.Series) -> dict[str, pl.Series]:
    """Area code and line of a fictional telephone (555-01xx), and the practice's name."""
    count = len(last)
    return {
        "area": pick(rng, names.AREA_CODES, count),
        "line": pl.Series(rng.integers(100, 200, count)).cast(pl.String),
        "practice": last + " Dental Arts " + number,
    }


def _spellings(people: pl.DataFrame) -> list[pl.DataFrame]:
    """Six ways to write each: the first four are one person by what they share, the last two another, by name
    alone."""
    full = pl.format("{} {}", "first", "last")
    plain = people.select(full)["first"].map_elements(_without_accents, return_dtype=pl.String)
    nothing = pl.lit(None, pl.String)
    ways: list[tuple[pl.Expr | pl.Series, pl.Expr, pl.Expr, pl.Expr]] = [
        (pl.format("Dr. {}", full), pl.col("practice"), nothing, pl.col("email")),
        (
            pl.format("{}, {}", "last", "first"),
            nothing,
            pl.format("({}) 555-0{}", "area", "line"),
            pl.col("email").str.to_uppercase(),
        ),
        (full.str.to_uppercase(), nothing, pl.format("+1 {}.555.0{}", "area", "line"), nothing),
        (pl.format("{}, D.D.S., MS", full), pl.format("{}, L.L.C.", "practice"), nothing, nothing),
        (plain, nothing, nothing, nothing),
        (pl.format("  Prof. Dr. {} ", full), nothing, pl.lit("n/a"), nothing),
    ]
    return [
        people.select(*(each.alias(column) for each, column in zip(way, _COLUMNS, strict=True)))
        for way in ways
    ]


def _no_person() -> pl.DataFrame:
    phones = (None, "(212) 555-0101", None, "(212) 555-0102")
    empty = dict.fromkeys(("ReferrerPractice", "ReferrerEmail"), [None] * len(_NO_PERSON))
    rows = {"ReferrerName": _NO_PERSON, "ReferrerPhone": phones, **empty}
    return pl.DataFrame(rows, schema=dict.fromkeys(rows, pl.String)).select(_COLUMNS)


def _without_accents(name: str) -> str:
    parted = unicodedata.normalize("NFD", name)
    return "".join(sign for sign in parted if unicodedata.category(sign) != "Mn")
