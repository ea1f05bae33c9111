"""The free text of exams: short remarks, several lines with CRLF, other scripts, and one very long kind."""

import numpy as np
import polars as pl

from migration_sandbox.practice.draw import pick

_FINDINGS = (
    "Generalized moderate bleeding.",
    "Localized 6 mm pockets, upper molars.",
    "Tissue firm & pink, stippling present.",
    'Patient reports "sensitivity to cold", lower right.',
    "Furcation involvement progressing; compare with last visit.",
    "Plaque control improved since the last visit, calculus < 10 %.",
    "Überempfindlichkeit regio 46: Verlauf beobachten.",
    "Encías inflamadas; sangrado al sondaje.",
)
_PLANS = (
    "Continue 3-month maintenance.",
    "SRP of the lower quadrants discussed.",
    "Re-evaluate in 6 weeks.",
    "Refer for an implant consultation.",
    "Home care reviewed 🙂",
    "経過観察。",
)
_LONG = " ".join(
    f"Paragraph {n}: the margin was stable, probing repeated twice by the same examiner."
    for n in range(1, 80)
)


def exam_notes(rng: np.random.Generator, count: int) -> pl.Series:
    """Notes of ``count`` exams: a fifth null, a third of the rest with CRLF, a few over 6,000 characters."""
    breaks = pick(rng, (" ", " ", "\r\n", "\n"), count, (4, 2, 3, 0.3))
    text = pick(rng, _FINDINGS, count) + breaks + pick(rng, _PLANS, count)
    text = text.set(pl.Series(rng.random(count) < 0.004), f"{_LONG}\r\n\r\nSigned electronically.")
    return text.set(pl.Series(rng.random(count) < 0.2), None)
