"""The tables Provider and Patient: who works at the practice, who refers to it, who is treated there."""

import unicodedata

import numpy as np
import polars as pl

from migration_sandbox.practice import names
from migration_sandbox.practice.draw import (
    LAST_DAY,
    Ints,
    blank_out,
    office_times,
    pick,
    shifted,
    stream,
    weekday,
)
from migration_sandbox.practice.schema import as_table, frame_schema

_YEAR = 365.25


def _handle(name: str) -> str:
    """A name as it appears in an e-mail address: ASCII letters, never empty."""
    folded = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "".join(letter for letter in folded if letter.isalpha()) or "patient"


def handles(column: pl.Series) -> pl.Series:
    distinct = column.unique().to_list()
    return column.replace_strict(distinct, [_handle(name) for name in distinct], return_dtype=pl.String)


def phones(rng: np.random.Generator, count: int) -> pl.Series:
    """Fictional numbers (exchange 555, line 01xx) in the ways people write them."""
    area = pick(rng, names.AREA_CODES, count)
    line = pl.Series(rng.integers(100, 200, count)).cast(pl.String)
    style = rng.integers(0, 6, count)
    parts = pl.DataFrame({"a": area, "l": line, "style": style})
    spoken = (
        pl.format("({}) 555-0{}", "a", "l"),
        pl.format("{}-555-0{}", "a", "l"),
        pl.format("{}.555.0{}", "a", "l"),
        pl.format("+1 {} 555 0{}", "a", "l"),
        pl.format("{}5550{}", "a", "l"),
    )
    written = pl.format("{}-555-0{} x12", "a", "l")
    for number, form in enumerate(spoken):
        written = pl.when(pl.col("style") == number).then(form).otherwise(written)
    return parts.select(written.alias("phone")).to_series()


def _npi(stem: int) -> str:
    """A National Provider Identifier: nine digits and the Luhn digit over 80840 + those nine."""
    digits = [int(digit) for digit in f"80840{stem}"]
    doubled = [
        sum(divmod(2 * digit, 10)) if place % 2 == 0 else digit
        for place, digit in enumerate(reversed(digits))
    ]
    return f"{stem}{-sum(doubled) % 10}"


def providers(seed: int, patients: int) -> pl.DataFrame:
    """Six to thirty people of the practice and as many dentists outside, with ids from 1.

    Those with ``IsReferring`` false are the ones that patients and exams point to.
    """
    rng = stream(seed, "provider")
    inside = min(30, 6 + patients // 400)
    count = 2 * inside
    ids = pl.Series(range(1, count + 1))
    referring = pl.Series([number >= inside for number in range(count)])
    first, last = pick(rng, names.FEMALE + names.MALE, count), pick(rng, names.LAST, count)
    created = office_times(rng, weekday(LAST_DAY - rng.integers(4000, 6000, count)))
    clinical = pl.Series((["periodontist", "hygienist", "periodontist", "office staff"] * inside)[:inside])
    has_npi = pl.Series([role != "office staff" for role in clinical] + [True] * inside)
    frame = pl.DataFrame(
        {
            "ProviderID": ids,
            "FirstName": first,
            "LastName": last,
            "Credentials": pick(rng, names.CREDENTIALS, count).set(~has_npi, None),
            "Specialty": pick(rng, names.SPECIALTIES, count).set(~has_npi, None),
            "Role": pl.concat([clinical, pl.Series(["general dentist"] * inside)]),
            "NPI": pl.Series([_npi(int(stem)) for stem in rng.integers(10**8, 3 * 10**8, count)]).set(
                ~has_npi, None
            ),
            "Email": handles(first) + "." + handles(last) + ids.cast(pl.String) + "@practice.example",
            "Phone": phones(rng, count),
            "PracticeName": pick(rng, names.PRACTICES, count).set(~referring, None),
            "IsReferring": referring,
            "Active": pl.Series(rng.random(count) < 0.9),
            "CreatedAt": created,
            "ModifiedAt": shifted(rng, created, 1, 60 * 24 * 300),
        }
    )
    return frame.cast(frame_schema("Provider"))  # type: ignore[arg-type]


def dentists_outside(seed: int, patients: int, first_id: int) -> pl.DataFrame:
    """The address book of dentists who refer patients or get them, about seventy for a small practice."""
    rng = stream(seed, "dentists outside")
    count = 68 + patients // 40
    ids = pl.Series(range(first_id, first_id + count))
    first, last = pick(rng, names.FEMALE + names.MALE, count), pick(rng, names.LAST, count)
    created = office_times(rng, weekday(LAST_DAY - rng.integers(200, 6000, count)))
    frame = pl.DataFrame(
        {
            "ProviderID": ids,
            "FirstName": blank_out(rng, first, 0.03),
            "LastName": last,
            "Credentials": blank_out(rng, pick(rng, names.OUTSIDE_CREDENTIALS, count), 0.05),
            "Specialty": pick(rng, names.OUTSIDE_SPECIALTIES, count),
            "Role": pl.Series(["general dentist"] * count),
            "NPI": pl.Series([_npi(int(stem)) for stem in rng.integers(10**8, 3 * 10**8, count)]),
            "Email": handles(first) + "." + handles(last) + ids.cast(pl.String) + "@dentists.example",
            "Phone": phones(rng, count),
            "PracticeName": pick(rng, names.OUTSIDE_PRACTICES, count),
            "IsReferring": pl.Series([True] * count),
            "Active": pl.Series(rng.random(count) < 0.95),
            "CreatedAt": created,
            "ModifiedAt": shifted(rng, created, 1, 300),
        }
    )
    return as_table("Provider", frame)


def _contact(rng: np.random.Generator, ids: pl.Series, first: pl.Series, last: pl.Series) -> pl.DataFrame:
    """Addresses, phones and e-mail of patients before families are drawn together."""
    count = len(ids)
    place = rng.integers(0, len(names.PLACES), count)
    city, state, postal = (pl.Series(column).gather(place) for column in zip(*names.PLACES, strict=True))
    divider = pick(rng, (".", "_", "-", "+"), count, (5, 3, 1, 1))
    number = pl.Series(rng.integers(1, 999, count)).cast(pl.String)
    return pl.DataFrame(
        {
            "LastName": last,
            "Email": handles(first)
            + divider
            + handles(last)
            + ids.cast(pl.String)
            + "@"
            + pick(rng, names.DOMAINS, count),
            "HomePhone": phones(rng, count),
            # A blank at the end, as desks type them.
            "Address1": number + " " + pick(rng, names.STREETS, count) + pick(rng, ("", " "), count, (30, 1)),
            "Address2": pick(rng, (*names.UNITS, None), count, (*[1.0] * len(names.UNITS), 30.0)),
            "City": city,
            "State": state,
            "Zip": postal + pl.Series(rng.integers(10, 100, count)).cast(pl.String),
        }
    )


def _as_families(rng: np.random.Generator, contact: pl.DataFrame) -> pl.DataFrame:
    """One patient in six shares name, address and home phone with the one before, most also the e-mail."""
    count = contact.height
    joins = rng.random(count) < 1 / 6
    joins[0] = False
    head = np.maximum.accumulate(np.where(joins, 0, np.arange(count)))
    own_email = joins & (rng.random(count) < 0.4)
    family = contact[head]
    return family.with_columns(
        pl.when(pl.Series(own_email)).then(contact["Email"]).otherwise(pl.col("Email")).alias("Email")
    )


def _chart_numbers(rng: np.random.Generator, count: int) -> pl.Series:
    """Chart numbers, one in a hundred used twice, three in a hundred blank in one of three ways."""
    number = 10_000 + np.cumsum(rng.integers(1, 9, count))
    few = max(1, count // 100)
    if count > 2 * few:
        number[rng.choice(np.arange(few, count), few, replace=False)] = number[:few]
    written = "P-" + pl.Series(number).cast(pl.String)
    if count < 20:
        return written
    positions = rng.choice(np.arange(2 * few, count), 3 * few, replace=False)
    for blank, chosen in zip(("", "  ", None), np.split(positions, 3), strict=True):
        written = written.set(pl.Series(np.isin(np.arange(count), chosen)), blank)
    return written


def patients(seed: int, first_visit: Ints, provider_ids: list[int]) -> pl.DataFrame:
    """One row a patient; ``first_visit`` holds the day (since 1970) of each one's first exam."""
    rng = stream(seed, "patient")
    count = len(first_visit)
    ids = pl.Series(1000 + np.cumsum(rng.integers(1, 4, count)))
    female = pl.Series(rng.random(count) < 0.52)
    first = pick(rng, names.MALE, count).zip_with(~female, pick(rng, names.FEMALE, count))
    middle = pick(rng, names.MALE, count).zip_with(~female, pick(rng, names.FEMALE, count))
    contact = _as_families(rng, _contact(rng, ids, first, pick(rng, names.LAST, count)))
    sex = pl.Series(["M"] * count).set(female, "F")
    born = first_visit - np.asarray(np.clip(rng.normal(52, 15, count), 18.5, 92) * _YEAR, np.int64)
    created = office_times(rng, weekday(first_visit - rng.integers(4, 24, count)))
    frame = pl.DataFrame(
        {
            "PatientID": ids,
            "ChartNumber": _chart_numbers(rng, count),
            "FirstName": first,
            "MiddleName": blank_out(rng, middle, 0.6),
            "PreferredName": blank_out(rng, first.str.slice(0, 3), 0.85),
            "DateOfBirth": blank_out(rng, pl.Series(born.astype("datetime64[D]")), 0.02),
            "Sex": sex.zip_with(pl.Series(rng.random(count) < 0.97), pick(rng, ("U", "X", None), count)),
            "WorkPhone": blank_out(rng, phones(rng, count), 0.6),
            "MobilePhone": blank_out(rng, phones(rng, count), 0.15),
            "PrimaryProviderID": blank_out(rng, pick(rng, provider_ids, count), 0.03),
            "BridgeID": blank_out(
                rng, "OD" + pl.Series(rng.integers(10**5, 10**6, count)).cast(pl.String), 0.65
            ),
            "Inactive": pl.Series(rng.random(count) < 0.08),
            "CreatedAt": created,
            "ModifiedAt": shifted(rng, created, 1, 60 * 24 * 30),
        }
    ).hstack(contact)
    frame = frame.with_columns(blank_out(rng, frame["Email"], 0.04), blank_out(rng, frame["HomePhone"], 0.1))
    schema = frame_schema("Patient")
    return frame.select(list(schema)).cast(schema)  # type: ignore[arg-type]
