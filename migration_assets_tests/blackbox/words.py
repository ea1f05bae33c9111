"""How one cell is read: what a raw cell makes a field hold, and an org's cell in the form to compare it.

A function of a raw cell answers UNUSABLE where the field can't hold it: such a cell is empty in the org, and
the manifest must announce the row's reject or the cell's correction. Teeth are read in ``teeth``.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo


class Unusable(Enum):
    """Stands for what no field may hold; equal to no value of an org."""

    UNUSABLE = "no value that a field may hold"


UNUSABLE = Unusable.UNUSABLE

_TITLE_LENGTH = 80
_ADDRESS = re.compile(r"[^@\s,;]+@[^@\s,;.]+(\.[^@\s,;.]+)+")
# "Board Certified" is what a board's diplomate is, and some write it short.
_CREDENTIALS = {
    "Board Certified": "board certified|board cert|diplomate",
    **{name: name for name in ("MSD", "MPH", "DDS", "DMD", "BDS", "PhD", "RDH", "CDA", "MD", "MS")},
}
_EDGE = r"\s,;/|&()\[\]+\-\u2010-\u2015"
_WITHIN = r"[ \t\u00a0.\-\u2010-\u2015]*"
_SPECIALTIES = {
    "Periodontics": r"perio(dont(ics|ist|ology|al))?",
    "Oral Surgery": r"oral( (and )?maxillofacial)? surg(ery|eon)|o(mf?)?s",
    "Prosthodontics": r"pros(th(o(dontics|dontist)?)?)?",
    "General Dentistry": r"general( dentistry| dentist| practice)?|family dentistry|gp",
}
_PLAN_STATUSES = {
    **{word: word for word in ("proposed", "accepted", "completed", "declined")},
    **{"in progress": "in-progress", "inprogress": "in-progress", "complete": "completed"},
}
_STAGES = {
    spelling: name
    for number, name in enumerate(("i", "ii", "iii", "iv"), 1)
    for spelling in (name, str(number))
}
_EXTENTS = {
    **dict.fromkeys(("localized", "localised", "local"), "Localized"),
    **dict.fromkeys(("generalized", "generalised", "general"), "Generalized"),
    **dict.fromkeys(("molar incisor", "molar incisor pattern"), "Molar/incisor"),
}
_REFERRAL_STATUSES = {
    **{word: word for word in ("received", "sent", "accepted", "declined", "completed")},
    **{"receive": "received", "recieved": "received", "send": "sent", "accept": "accepted"},
    **{"decline": "declined", "complete": "completed"},
}
_DIRECTIONS = {
    **dict.fromkeys(("incoming", "inbound", "in"), "incoming"),
    **dict.fromkeys(("outgoing", "outbound", "out"), "outgoing"),
}
_SITES = ("MB", "B", "DB", "ML", "L", "DL")
_SEXES = {"M": "M", "MALE": "M", "F": "F", "FEMALE": "F", "X": "X", "U": "U", "UNKNOWN": "U"}
_TOOTH_STATUSES = ("present", "missing", "implant", "pontic", "crown", "unerupted", "impacted", "primary")
_NUMBERING = {
    **dict.fromkeys(("universal", "universal/national", "jp"), "Universal"),
    **dict.fromkeys(("fdi", "fdi world dental federation", "iso", "iso 3950", "jo"), "FDI"),
    **dict.fromkeys(("palmer", "zsigmondy-palmer"), "Palmer"),
}


def text(value: Any) -> str | None:
    """A raw cell as text without blanks around it; blank is the same as nothing."""
    return None if value is None else str(value).strip() or None


def lines(value: Any) -> str | None:
    """As ``text``, every line break as LF."""
    return as_lines(text(value))


def as_text(value: Any) -> str | None:
    """An org's text to the letter; it knows no empty one."""
    return None if value is None else str(value) or None


def as_lines(value: Any) -> str | None:
    """An org's text, every line break as LF: which of them an org keeps is its own choice."""
    written = as_text(value)
    return None if written is None else written.replace("\r\n", "\n").replace("\r", "\n")


@cache
def number(value: Any) -> Decimal | None:
    """A number of either side, exactly; a float only as it is written."""
    return None if value is None or value == "" else Decimal(str(value))


def within(low: int, high: int, step: str = "1") -> Callable[[Any], Decimal | Unusable | None]:
    """Numbers from ``low`` to ``high`` in such steps."""

    @cache
    def read(value: Any) -> Decimal | Unusable | None:
        found = number(value)
        good = found is None or (low <= found <= high and found % Decimal(step) == 0)
        return found if good else UNUSABLE

    return read


def flag(value: Any) -> bool:
    """A yes/no cell of either side; nothing is no."""
    return str(value).lower() in ("true", "1")


def opposite(value: Any) -> bool:
    return not flag(value)


@cache
def answer(value: Any) -> str | None:
    """A charted yes or no; a site that wasn't charted has none."""
    return None if value is None else "Yes" if flag(value) else "No"


def day(value: date | None) -> str | Unusable | None:
    """A date or a time's local day; days of no living patient (1753, 1899, 9999) stand for "none"."""
    if value is None:
        return None
    return value.isoformat()[:10] if 1900 <= value.year <= 2100 else UNUSABLE


def moment(zone: ZoneInfo) -> Callable[[datetime | None], datetime | None]:
    """Local times of a practice in that zone as UTC, to the second.

    A time that its clocks showed twice is the earlier one, one that they skipped lies as far after the gap's
    beginning: in both cases the offset before the change counts, which is ``fold=0``.
    """

    def read(local: datetime | None) -> datetime | None:
        if local is None:
            return None
        return local.replace(tzinfo=zone, fold=0).astimezone(UTC).replace(microsecond=0)

    return read


def as_moment(value: Any) -> datetime | None:
    """An org's time (``2024-01-16T04:30:00.000+0000``, ``...Z``) as UTC, to the second."""
    if not value:
        return None
    written = re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", str(value))
    return datetime.fromisoformat(written).astimezone(UTC).replace(microsecond=0)


def street(first: Any, second: Any) -> str | None:
    return "\n".join(part for part in (lines(first), lines(second)) if part) or None


def title(name: Any) -> str:
    """A plan's name as its record's: at most 80 characters, the last an ellipsis where it was cut."""
    whole = text(name) or "Treatment plan"
    return whole if len(whole) <= _TITLE_LENGTH else whole[: _TITLE_LENGTH - 1] + "…"


def note_title(kind: Any, written_at: datetime | None) -> str:
    """``Progress note 2024-05-06``"""
    named = " ".join((text(kind) or "Clinical note").split())
    named += "" if re.search(r"\bnotes?$", named, re.IGNORECASE) else " note"
    room = _TITLE_LENGTH - len(" 2024-05-06")
    named = named if len(named) <= room else named[: room - 1] + "…"
    return named if written_at is None else f"{named} {written_at:%Y-%m-%d}"


def referral_title(way: Any, on: date | None) -> str:
    """``Incoming referral 2024-03-10``"""
    known, referred = direction(way), day(on)
    named = f"{known} referral".capitalize() if isinstance(known, str) else "Referral"
    return f"{named} {referred}" if isinstance(referred, str) else named


def address(value: Any) -> str | Unusable | None:
    """What looks like an e-mail address."""
    written = text(value)
    return written if written is None or _ADDRESS.fullmatch(written) else UNUSABLE


def _spaced(name: str) -> str:
    """A pattern for a credential in any spacing and with any dots: ``D.D.S.``, ``d d s``, ``Ph.D.``"""
    return rf"{_WITHIN}".join(re.escape(letter) for letter in name if letter != " ")


_CREDENTIAL = re.compile(
    rf"(?<![^{_EDGE}])\.*(?:"
    + "|".join(
        f"(?P<c{place}>{'|'.join(map(_spaced, spellings.split('|')))})"
        for place, spellings in enumerate(_CREDENTIALS.values())
    )
    + rf")\.*(?![^{_EDGE}])",
    re.IGNORECASE,
)


def credentials(value: Any) -> tuple[str, ...]:
    """The known credentials in a free text, sorted; whatever else stands there is in its own field."""
    names = tuple(_CREDENTIALS)
    found = {names[int(str(each.lastgroup)[1:])] for each in _CREDENTIAL.finditer(text(value) or "")}
    return tuple(sorted(found))


def without_credentials(value: str) -> str:
    """What else stands in a text beside the known credentials."""
    return re.sub(rf"[{_EDGE}]+", " ", _CREDENTIAL.sub(" ", value)).strip(" .")


def as_credentials(value: Any) -> tuple[str, ...]:
    """A multi-select picklist's values, sorted: their order says nothing."""
    return tuple(sorted(str(value).split(";"))) if value else ()


def specialty(value: Any) -> str | None:
    """The specialty that a text is a name of; any other text is in its own field alone."""
    words = re.sub(r"[\s/]+", " ", (text(value) or "").lower().replace("&", " and ").replace(".", ""))
    names = (name for name, pattern in _SPECIALTIES.items() if re.fullmatch(pattern, words.strip()))
    return next(names, None)


def npi(value: Any) -> str | Unusable | None:
    """Ten digits of which the first is 1 or 2; Luhn's sum over 80840 and the number ends with 0."""
    written = text(value)
    if written is None:
        return None
    if not re.fullmatch("[12][0-9]{9}", written):
        return UNUSABLE
    # The constant 24 is Luhn's sum over 80840 at its places; every second digit from the right is doubled.
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in written[-2::-2])
    return written if (24 + doubled + sum(map(int, written[-1::-2]))) % 10 == 0 else UNUSABLE


def procedure_code(value: Any) -> str | Unusable | None:
    """CDT: a capital D and four digits."""
    written = text(value)
    if written is None:
        return None
    return written.upper() if re.fullmatch("[Dd][0-9]{4}", written) else UNUSABLE


def one_of(words: dict[str, str], normal: Callable[[str], str]) -> Callable[[Any], str | Unusable | None]:
    """The word that a text stands for, after ``normal``."""

    @cache
    def read(value: Any) -> str | Unusable | None:
        written = text(value)
        return None if written is None else words.get(normal(written), UNUSABLE)

    return read


def _spaced_out(written: str) -> str:
    return re.sub(r"[\s/_\-\u2010-\u2015]+", " ", written).lower().strip(" .")


def _after(title: str) -> Callable[[str], str]:
    """What follows the title where it stands first: ``Stage III``, ``Grade: b``."""
    return lambda written: re.sub(f"^{title}[: ]*", "", _spaced_out(written))


stage = one_of({spelling: name.upper() for spelling, name in _STAGES.items()}, _after("stage"))
grade = one_of({name.lower(): name for name in "ABC"}, _after("grade"))
extent = one_of(_EXTENTS, _spaced_out)
direction = one_of(_DIRECTIONS, lambda written: re.sub(r"[\s_-]+", " ", written).lower())
referral_status = one_of(_REFERRAL_STATUSES, lambda written: re.sub(r"[\s_-]+", " ", written).lower())
site = one_of({each: each for each in _SITES}, str.upper)
sex = one_of(_SEXES, str.upper)
plan_status = one_of(_PLAN_STATUSES, lambda written: re.sub(r"[\s_-]+", " ", written).lower())
tooth_status = one_of({word: word for word in _TOOTH_STATUSES}, str.lower)
numbering_system = one_of(_NUMBERING, lambda written: " ".join(written.lower().split()))
