"""The second reader's words: what a practice's free text about people and plans must have become.

As ``raw_reader``, written without objects/ and perio/ on purpose: credentials are found by one expression
over the whole text instead of word by word, and an NPI's check digit by CMS's constant, not its prefix.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_CREDENTIALS: Mapping[str, tuple[str, ...]] = {
    "DDS": ("DDS",),
    "DMD": ("DMD",),
    "BDS": ("BDS",),
    "MD": ("MD",),
    "PhD": ("PHD",),
    "MS": ("MS",),
    "MSD": ("MSD",),
    "MPH": ("MPH",),
    "RDH": ("RDH",),
    "CDA": ("CDA",),
    "Board Certified": ("BOARDCERTIFIED", "BOARDCERT", "DIPLOMATE"),
}
_SPECIALTIES: Mapping[str, tuple[str, ...]] = {
    "Periodontics": ("PERIO", "PERIODONTICS", "PERIODONTIST", "PERIODONTOLOGY", "PERIODONTAL"),
    "Oral Surgery": (
        "OS",
        "OMS",
        "OMFS",
        "ORAL SURGERY",
        "ORAL SURGEON",
        "ORAL MAXILLOFACIAL SURGERY",
        "ORAL AND MAXILLOFACIAL SURGERY",
        "ORAL AND MAXILLOFACIAL SURGEON",
    ),
    "Prosthodontics": ("PROS", "PROSTH", "PROSTHO", "PROSTHODONTICS", "PROSTHODONTIST"),
    "General Dentistry": (
        "GP",
        "GENERAL",
        "GENERAL DENTISTRY",
        "GENERAL DENTIST",
        "GENERAL PRACTICE",
        "FAMILY DENTISTRY",
    ),
}
_DIRECTIONS: Mapping[str, tuple[str, ...]] = {
    "incoming": ("INCOMING", "INBOUND", "IN"),
    "outgoing": ("OUTGOING", "OUTBOUND", "OUT"),
}
_REFERRAL_STATUSES: Mapping[str, tuple[str, ...]] = {
    "received": ("RECEIVED", "RECEIVE", "RECIEVED"),
    "sent": ("SENT", "SEND"),
    "accepted": ("ACCEPTED", "ACCEPT"),
    "declined": ("DECLINED", "DECLINE"),
    "completed": ("COMPLETED", "COMPLETE"),
}
_LETTER_TYPES = ("to patient", "to specialist", "to referring dentist")
_EXTENTS: Mapping[str, tuple[str, ...]] = {
    "Localized": ("LOCALIZED", "LOCALISED", "LOCAL"),
    "Generalized": ("GENERALIZED", "GENERALISED", "GENERAL"),
    "Molar/incisor": ("MOLAR INCISOR", "MOLAR INCISOR PATTERN"),
}
_STATUSES: Mapping[str, tuple[str, ...]] = {
    "proposed": ("PROPOSED",),
    "accepted": ("ACCEPTED",),
    "in-progress": ("INPROGRESS",),
    "completed": ("COMPLETED", "COMPLETE"),
    "declined": ("DECLINED",),
}
_ROLES: Mapping[str, tuple[str, ...]] = {
    "Periodontist": ("PERIODONTIST",),
    "DDS": ("DDS",),
    "DMD": ("DMD",),
    "RDH": ("RDH", "HYGIENIST", "DENTAL HYGIENIST", "REGISTERED DENTAL HYGIENIST"),
    "Office Staff": ("OFFICE STAFF", "OFFICE MANAGER", "FRONT DESK", "RECEPTIONIST", "BILLING"),
}
_STAGES = {
    "proposed": "Consultation",
    "accepted": "Accepted",
    "in-progress": "In Treatment",
    "completed": "Completed",
    "declined": "Lost",
}
# Any letters of one credential may have a blank between them where the practice wrote "D. D. S.".
_SPELLINGS = sorted((each for known in _CREDENTIALS.values() for each in known), key=len, reverse=True)
_CREDENTIAL = re.compile(rf"(?<![^ ,])(?:{'|'.join(' ?'.join(each) for each in _SPELLINGS)})(?![^ ,])")
# Fellowships, diplomas and foreign degrees, which are no values of the picklist.
_OTHER_DEGREES = [
    "FAGD",
    "MAGD",
    "FICD",
    "FACD",
    "FACP",
    "FICOI",
    "DICOI",
    "FAAID",
    "AFAAID",
    "FADSA",
    "FPFA",
    "ABGD",
    "DABP",
    "DABOI",
    "DABOMS",
    "FRCDC",
    "FRCSC",
    "MDS",
    "MDSC",
    "DMSC",
    "MSC",
    "BDSC",
]
_DEGREE = "|".join([" ?".join(each) for each in _SPELLINGS] + _OTHER_DEGREES)
_DEGREES = re.compile(rf"[ ,]*(?:(?>(?:{_DEGREE})(?![^ ,]))[ ,]*)+")
_CODE = re.compile(r"D[0-9]{4}", re.IGNORECASE)
_NPI = re.compile(r"[12][0-9]{9}")
# What the digits 80840 in front of a number add to its Luhn sum (CMS, "NPI check digit").
_NPI_CONSTANT = 24


def credentials(written: str) -> str | None:
    """The known credentials in the picklist's order, joined as a multi-select's values are."""
    text = _parted(written)
    found = {each.replace(" ", "") for each in _CREDENTIAL.findall(text)}
    return ";".join(name for name, spellings in _CREDENTIALS.items() if found.intersection(spellings)) or None


def are_degrees(written: str) -> bool:
    """Whether a text says nothing but degrees and titles such as stand behind a name."""
    return _DEGREES.fullmatch(_parted(written)) is not None


def _parted(written: str) -> str:
    text = re.sub(r"[,;/|&()\[\]+\r\n]+", ",", written.upper().replace(".", ""))
    return re.sub(r"[\s\-\u2010-\u2015]+", " ", text)


def specialty(written: str) -> str | None:
    text = " ".join(re.sub(r"[./&]", lambda mark: {"&": " AND ", ".": ""}.get(mark[0], " "), written).split())
    return _word(text.upper(), _SPECIALTIES)


def plan_status(written: str) -> str | None:
    """How blanks, hyphens and underscores part the words doesn't matter."""
    return _word(re.sub(r"[\s_-]", "", written).upper(), _STATUSES)


def role(written: str) -> str | None:
    """What somebody does at the practice, of the first of several that is known."""
    spoken = (" ".join(re.split(r"[\s_-]+", each.strip())).upper() for each in written.split(";"))
    return next((word for each in spoken if (word := _word(each, _ROLES))), None)


def role_of_specialty(written: str) -> str | None:
    return "Periodontist" if specialty(written) == "Periodontics" else None


def role_of_credentials(written: str) -> str | None:
    """A dentist's degree or a hygienist's; a dentist's stands before."""
    found = (credentials(written) or "").split(";")
    return next((degree for degree in ("DDS", "DMD", "RDH") if degree in found), None)


def deal_stage(written: str) -> str | None:
    """How far a plan is, in a pipeline's words."""
    return _STAGES.get(plan_status(written) or "")


def npi(written: str) -> str | None:
    number = written.strip()
    if not _NPI.fullmatch(number):
        return None
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in number[:9:2])
    total = _NPI_CONSTANT + sum(doubled) + sum(map(int, number[1:9:2]))
    return number if (total + int(number[9])) % 10 == 0 else None


def procedure_code(written: str) -> str | None:
    code = written.strip()
    return code.upper() if _CODE.fullmatch(code) else None


def referral_direction(written: str) -> str | None:
    return _word(_single_spaced(written), _DIRECTIONS)


def referral_title(written: str) -> str:
    return f"{referral_direction(written) or ''} referral".strip().capitalize()


def referral_status(written: str) -> str | None:
    return _word(_single_spaced(written), _REFERRAL_STATUSES)


def stage(written: str) -> str | None:
    """I to IV of ``III``, ``Stage 3``, ``stage: iii``."""
    found = re.fullmatch(r"(?:STAGE)?[: ]*(?:(I{1,3}|IV)|([1-4]))", _as_classified(written))
    return found and (found[1] or ("I", "II", "III", "IV")[int(found[2]) - 1])


def grade(written: str) -> str | None:
    found = re.fullmatch(r"(?:GRADE)?[: ]*([ABC])", _as_classified(written))
    return found and found[1]


def extent(written: str) -> str | None:
    return _word(_as_classified(written), _EXTENTS)


def site(written: str) -> str | None:
    place = written.strip().upper()
    return place if place in ("MB", "B", "DB", "ML", "L", "DL") else None


def note_title(written: str) -> str | None:
    """``Progress`` is the title of a ``Progress note``."""
    words = written.split()
    if not words:
        return None
    says_so = re.search(r"\bnotes?$", words[-1], re.IGNORECASE)
    return " ".join(words if says_so else [*words, "note"])


def letter_type(written: str) -> str | None:
    """One spelling of the types that every practice has; others stay as they are written."""
    known = re.sub(r"[\s_-]+", " ", written.strip().lower())
    return known if known in _LETTER_TYPES else written.strip() or None


def _single_spaced(written: str) -> str:
    return re.sub(r"[\s_-]+", " ", written.strip()).upper()


def _as_classified(written: str) -> str:
    return re.sub(r"[\s/_\-\u2010-\u2015]+", " ", written).strip(" .").upper()


def _word(text: str, known: Mapping[str, tuple[str, ...]]) -> str | None:
    return next((word for word, spellings in known.items() if text in spellings), None)
