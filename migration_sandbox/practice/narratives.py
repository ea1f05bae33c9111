"""Free text of everything but exams: narratives of plans, remarks, and the parts of clinical notes.

Our own sentences, in more than one script. Lines end in CRLF, as Windows forms write them.
"""

import numpy as np
import polars as pl

from migration_sandbox.practice.draw import pick

_WHY = (
    "Guarded prognosis because of advanced attachment loss.",
    "Patient wishes a fixed solution; removable options were explained.",
    "Former smoker, 10 pack-years; HbA1c 6.4 % (letter of the family doctor on file).",
    "Vertical defect on the CBCT, narrow & deep, three walls.",
    'Recession with sensitivity; patient\'s main concern is "how it looks".',
    "Paciente con bruxismo; se recomienda férula nocturna.",
    "Patientin nimmt Blutverdünner: Rücksprache mit dem Hausarzt nötig.",
    "歯周ポケットの改善が必要です。",
)
_HOW = (
    "Local anaesthesia with 2 % lidocaine 1:100,000.",
    "Staged approach: remove, graft, heal, place, restore.",
    "Amoxicillin 500 mg; allergy to penicillin was asked for and denied.",
    "Chlorhexidine 0.12 % for two weeks after surgery.",
    "Sutures out after 10–14 days.",
    "Alternatives, risks and costs discussed; consent signed ✓",
)
_LONG_PLAN = "\r\n".join(
    f"{number}. Site reviewed with the patient on the screen; depth, margin and mobility compared with the"
    " chart of the visit before, and the options explained once more."
    for number in range(1, 260)
)

SUBJECTIVE = (
    "Patient reports bleeding when flossing.",
    "No complaints since the last visit.",
    "Sensitive to cold on the upper left.",
    'Says: "it feels loose when I bite".',
    "Refiere dolor leve desde hace tres días.",
    "Keine Beschwerden 🙂",
)
OBJECTIVE = (
    "Probing 4-7 mm around the molars, bleeding on probing.",
    "Margins firm, colour coral pink, no exudate.",
    "Grade II furcation, buccal; mobility 1.",
    "Sutures in place, primary closure; edema < 2 mm.",
    "Implant stable, ISQ > 70, peri-implant tissue healthy.",
    "BP 128/82, pulse 72.",
)
ASSESSMENT = (
    "Periodontitis, stable.",
    "Localized recurrence; plaque control is the cause.",
    "Healing within normal limits.",
    "Peri-implant mucositis, no bone loss.",
    "Zustand nach Extraktion, unauffällig.",
)
PLAN = (
    "Recall in 3 months.",
    "Re-evaluate in 6 weeks; consider surgery if > 5 mm.",
    "Continue rinsing twice a day.",
    "Refer for endodontic evaluation.",
    "Next: implant placement.",
)
_VISIT_REMARKS = (
    "Needs premedication.",
    "Will arrive 10 minutes late.",
    "Bring the night guard.\r\nAsk for the new insurance card.",
    "Escort required after sedation.",
    "Interpreter: español.",
    "Confirm by phone, not by e-mail.",
)
_REFERRAL_REMARKS = (
    "Please evaluate for implants.",
    "Generalized bone loss, see radiographs.",
    "Patient is anxious; prefers morning visits.\r\nCopies of the letters to our office, please.",
    "Second opinion asked for by the patient.",
    "Bitte um Mitbeurteilung.",
)


def plan_notes(rng: np.random.Generator, count: int) -> pl.Series:
    """Narratives of plans: one in ten null, a few longer than 32,768 characters."""
    text = pick(rng, _WHY, count) + pick(rng, ("\r\n", " ", "\r\n\r\n"), count) + pick(rng, _HOW, count)
    text = text.set(pl.Series(rng.random(count) < 0.006), _LONG_PLAN)
    return text.set(pl.Series(rng.random(count) < 0.1), None)


def _remarks(rng: np.random.Generator, sentences: tuple[str, ...], count: int, share: float) -> pl.Series:
    return pick(rng, sentences, count).set(pl.Series(rng.random(count) >= share), None)


def visit_remarks(rng: np.random.Generator, count: int) -> pl.Series:
    return _remarks(rng, _VISIT_REMARKS, count, 0.35)


def referral_remarks(rng: np.random.Generator, count: int) -> pl.Series:
    return _remarks(rng, _REFERRAL_REMARKS, count, 0.7)
