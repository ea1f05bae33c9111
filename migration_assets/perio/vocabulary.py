"""Closed lists of words that a periodontal record uses, and nothing that computes."""

from __future__ import annotations

from types import MappingProxyType

TOOTH_STATUSES = (
    "present",
    "missing",
    "implant",
    "pontic",
    "crown",
    "unerupted",
    "impacted",
    "primary",
)
"""What stands at a tooth's place, lower case, as charts of comparable systems record it."""

SEXES = MappingProxyType(
    {
        "M": "M",
        "MALE": "M",
        "F": "F",
        "FEMALE": "F",
        "X": "X",
        "U": "U",
        "UNKNOWN": "U",
    }
)
"""Upper-case spelling -> male M, female F, neither X, unknown U."""

PLAN_STATUSES = MappingProxyType(
    {
        "PROPOSED": "proposed",
        "ACCEPTED": "accepted",
        "IN PROGRESS": "in-progress",
        "INPROGRESS": "in-progress",
        "COMPLETED": "completed",
        "COMPLETE": "completed",
        "DECLINED": "declined",
    }
)
"""Upper-case spelling, hyphens and underscores as blanks -> how far a treatment plan has come."""

REFERRAL_DIRECTIONS = MappingProxyType(
    {
        "INCOMING": "incoming",
        "INBOUND": "incoming",
        "IN": "incoming",
        "OUTGOING": "outgoing",
        "OUTBOUND": "outgoing",
        "OUT": "outgoing",
    }
)
"""Upper-case spelling -> whether a patient was sent to the practice (incoming) or by it (outgoing)."""

REFERRAL_STATUSES = MappingProxyType(
    {
        "RECEIVED": "received",
        "RECEIVE": "received",
        "RECIEVED": "received",
        "SENT": "sent",
        "SEND": "sent",
        "ACCEPTED": "accepted",
        "ACCEPT": "accepted",
        "DECLINED": "declined",
        "DECLINE": "declined",
        "COMPLETED": "completed",
        "COMPLETE": "completed",
    }
)
"""Upper-case spelling, hyphens and underscores as blanks -> how far a referral has come.

Only spellings and tenses of the five words: what other systems say (scheduled, consulted, in treatment) means
something else in each of them.
"""

NAME_TITLES = frozenset({"dr", "doctor", "dra", "prof", "professor", "mr", "mrs", "ms", "miss", "mx"})
"""What stands before a name, lower case and without its dot."""

GENERATIONS = frozenset({"jr", "sr", "ii", "iii", "iv"})
"""What tells a parent from a child of the same name; it stays with the last name."""

OTHER_CREDENTIALS = frozenset(
    {
        *("FAGD", "MAGD", "FICD", "FACD", "FACP", "FICOI", "DICOI", "FAAID", "AFAAID", "FADSA", "FPFA"),
        *("ABGD", "DABP", "DABOI", "DABOMS", "FRCDC", "FRCSC", "MDS", "MDSC", "DMSC", "MSC", "BDSC"),
    }
)
"""Fellowships, diplomas and foreign degrees of dentists that are no value of the picklist, upper case and
without dots; behind a name they are no part of it. Short ones that are names too (DO, MA) are left out."""

SURNAME_PARTICLES = frozenset(
    {
        *("de", "del", "della", "di", "da", "dos", "das", "du", "la", "le", "los", "van", "von", "ter", "zu"),
        *("bin", "ibn", "al", "el", "st", "ste", "saint"),
    }
)
"""Lower-case first words of a last name that is written in several."""

WORDS_OF_NO_NAME = frozenset(
    {
        *("and", "or", "und", "the", "of", "at", "from", "office", "via", "per", "for", "drs"),
        *("dental", "dentistry", "dentist", "dentists", "orthodontics", "endodontics", "periodontics"),
        *("prosthodontics", "clinic", "clinics", "group", "associates", "care", "center", "centre", "health"),
        *("hospital", "institute", "practice", "services", "smile", "smiles", "specialists", "studio"),
        *("surgery", "university"),
    }
)
"""Lower-case words that show that a text names an office, or more than one person."""

LEGAL_FORMS = frozenset({"llc", "pllc", "pc", "pa", "inc", "llp", "ltd", "corp"})
"""Legal forms behind a practice's name, lower case and without dots; it is the same practice without them."""

NO_VALUES = frozenset({"na", "n a", "none", "unknown", "not known", "not given", "tbd"})
"""What people write where a form wants something and there is nothing, lower case and with blanks for signs.

"Null", "No" and "Nil" are names of people and stand on purpose not among them.
"""
