"""The table ClinicalNote: SOAP notes in four parts, progress notes as one body of RTF, HTML or plain text."""

import html

import numpy as np
import polars as pl

from migration_sandbox.practice import narratives
from migration_sandbox.practice.draw import pick, shifted, stream
from migration_sandbox.practice.register import Register
from migration_sandbox.practice.schema import as_table

_FIRST = 600_000
_RTF_HEAD = (
    "{\\rtf1\\ansi\\ansicpg1252\\deff0{\\fonttbl{\\f0\\fnil Segoe UI;}}\r\n\\viewkind4\\uc1\\pard\\f0\\fs20 "
)
_RTF_TAIL = "\\par\r\n}"


def as_rtf(text: str) -> str:
    """Text as RTF writes it: its own signs escaped, each UTF-16 unit beyond ASCII as ``\\uN?``, N signed."""
    written = []
    for character in text:
        if character in "\\{}":
            written.append("\\" + character)
        elif ord(character) < 128:
            written.append(character)
        else:
            units = np.frombuffer(character.encode("utf-16-le"), dtype="<i2")
            written += [f"\\u{unit}?" for unit in units]
    return "".join(written)


def _bodies(rng: np.random.Generator, count: int) -> pl.Series:
    """Progress notes: half RTF, a third HTML, the rest plain with CRLF."""
    found = rng.integers(0, len(narratives.OBJECTIVE), count)
    then = rng.integers(0, len(narratives.PLAN), count)
    first, second = pl.Series(narratives.OBJECTIVE), pl.Series(narratives.PLAN)
    rtf = (
        _RTF_HEAD
        + "{\\b Findings}: "
        + pl.Series([as_rtf(text) for text in narratives.OBJECTIVE]).gather(found)
        + "\\par\r\n"
        + pl.Series([as_rtf(text) for text in narratives.PLAN]).gather(then)
        + _RTF_TAIL
    )
    web = (
        "<html><body><p><b>Findings:</b> "
        + pl.Series([html.escape(text) for text in narratives.OBJECTIVE]).gather(found)
        + "</p>\r\n<ul><li>"
        + pl.Series([html.escape(text) for text in narratives.PLAN]).gather(then)
        + "</li></ul></body></html>"
    )
    plain = first.gather(found) + "\r\n" + second.gather(then)
    chance = rng.random(count)
    return rtf.zip_with(pl.Series(chance < 0.5), web.zip_with(pl.Series(chance < 0.8), plain))


def clinical_notes(register: Register, appointments: pl.DataFrame) -> pl.DataFrame:
    """A note for most visits that took place, written at their end, and some that belong to no visit."""
    rng = stream(register.seed, "note")
    visited = appointments.filter(pl.col("Status") == "Completed")
    visited = visited.filter(pl.Series(rng.random(visited.height) < 0.85))
    count = visited.height
    soap = pl.Series(rng.random(count) < 0.6)
    loose = pl.Series(rng.random(count) < 0.04)
    ends = visited["StartsAt"] + pl.duration(minutes=30)
    created = shifted(rng, pl.select(ends).to_series().to_numpy(), 1, 90)

    def part(sentences: tuple[str, ...]) -> pl.Series:
        return pick(rng, sentences, count).set(~soap, None)

    objective = pick(rng, narratives.OBJECTIVE, count) + "\r\n" + pick(rng, narratives.OBJECTIVE, count)
    frame = pl.DataFrame(
        {
            "NoteID": _FIRST + np.arange(count),
            "PatientID": visited["PatientID"],
            "AppointmentID": visited["AppointmentID"].set(loose, None),
            "ProviderID": visited["ProviderID"],
            "NoteType": pl.Series(["Progress"] * count).set(soap, "SOAP"),
            "Subjective": part(narratives.SUBJECTIVE),
            "Objective": objective.set(~soap, None),
            "Assessment": part(narratives.ASSESSMENT),
            "Plan": part(narratives.PLAN),
            "Body": _bodies(rng, count).set(soap, None),
            "CreatedAt": created,
            "ModifiedAt": shifted(rng, created, 1, 200),
        }
    )
    return as_table("ClinicalNote", frame)
