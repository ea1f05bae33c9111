"""A dentist's name, practice and telephone number out of free text, parted and folded for a comparison.

Two texts mean the same where their folded forms are equal. Who is the same person is told in ``referrers``.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from migration_assets_tests.blackbox import words

_TITLES = {"dr", "doctor", "dra", "prof", "professor", "mr", "mrs", "ms", "miss", "mx", "med", "dent"}
_NOBODY = {"na", "n a", "none", "unknown", "not known", "not given", "tbd"}
_LEGAL_FORMS = {"llc", "pllc", "pc", "pa", "inc", "llp", "ltd", "corp"}
_PARTICLES = {
    *("de", "del", "della", "di", "da", "dos", "das", "du", "la", "le", "los", "van", "von", "ter", "zu"),
    *("bin", "ibn", "al", "el", "st", "ste", "saint"),
}
_GENERATIONS = {"jr", "sr", "ii", "iii", "iv"}
_FELLOWSHIPS = {
    *("FAGD", "MAGD", "FICD", "FACD", "FACP", "FICOI", "DICOI", "FAAID", "AFAAID", "FADSA", "FPFA", "ABGD"),
    *("DABP", "DABOI", "DABOMS", "FRCDC", "FRCSC", "MDS", "MDSC", "DMSC", "MSC", "BDSC"),
}
_OFFICES = {
    *("and", "or", "und", "the", "of", "at", "from", "office", "via", "per", "for", "drs", "dental"),
    *("dentistry", "dentist", "dentists", "orthodontics", "endodontics", "periodontics", "prosthodontics"),
    *("clinic", "clinics", "group", "associates", "care", "center", "centre", "health", "hospital"),
    *("institute", "practice", "services", "smile", "smiles", "specialists", "studio", "surgery"),
    *("university", *_LEGAL_FORMS),
}
# Latin letters that are no letter with an accent to Unicode.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ß": "ss"}
)
_EXTENSION = re.compile(r"[\s,;]*(?:x|ext(?:ension)?|#)[\s.:]*\d+\s*$", re.IGNORECASE)
_ACCENTS = range(0x300, 0x370)


@dataclass(frozen=True)
class Name:
    """``last`` is the whole text where it is no name of one person; ``credentials`` are as written."""

    first: str | None
    last: str
    credentials: str | None
    folded: str


def folded(text: str) -> str:
    """Letters and digits alone, without case, accents (of Latin, Greek, Cyrillic) and apostrophes."""
    plain = unicodedata.normalize("NFKD", re.sub("['’‘ʼ`´]", "", text)).casefold()
    plain = unicodedata.normalize("NFKD", plain).translate(_PLAIN)
    kept = "".join(sign for sign in plain if ord(sign) not in _ACCENTS)
    return " ".join(
        "".join(
            sign
            if unicodedata.category(sign)[0] in "LNM"
            else " "
            if unicodedata.category(sign) != "Cf"
            else ""
            for sign in unicodedata.normalize("NFKC", kept)
        ).split()
    )


def said(written: str | None) -> str | None:
    """Folded; None where the text says nothing."""
    plain = folded(written or "")
    return None if plain in _NOBODY else plain or None


def practice(written: str | None) -> str | None:
    """A practice's name without its legal form."""
    if written is None:
        return None
    kept = folded(written.replace(".", "").replace("&", " and ")).split()
    while len(kept) > 1 and kept[-1] in _LEGAL_FORMS:
        kept.pop()
    plain = " ".join(kept)
    return None if plain in _NOBODY else plain or None


def phone(written: str | None) -> str | None:
    """The digits of a number of at least seven, without country code and extension."""
    if written is None:
        return None
    digits = "".join(re.findall(r"\d", _EXTENSION.sub("", written)))
    digits = digits[1:] if len(digits) == 11 and digits[0] == "1" else digits
    return digits if len(digits) >= 7 and len(set(digits)) > 1 else None


def email(written: str | None) -> str | None:
    """An address, in small letters; a text that is none tells nothing."""
    address = words.address(written)
    return address.casefold() if isinstance(address, str) else None


def names_nobody(written: str) -> bool:
    plain = folded(written)
    # "NA" in capitals is what the Open Dental bridge writes for nothing, "Na" is somebody's name.
    if plain == "na":
        return written.strip() == "NA"
    return plain in _NOBODY or not re.search(r"[^\W\d_]", plain)


@cache
def person(written: str) -> Name:
    """``Dr. Jane Smith, DDS``, ``Smith, Jane DMD``, ``Jean-Luc van der Berg``."""
    text = re.sub(
        r"\b(dr|prof|mr|mrs|ms)\.(?=[^\W\d_])", r"\1. ", written.replace("_", " "), flags=re.IGNORECASE
    )
    parts = [part.split() for part in re.split("[,;]", text) if part.strip()]
    return _parted(parts) or Name(None, written, None, folded(" ".join(_untitled(text.split()))))


def _parted(parts: list[list[str]]) -> Name | None:
    if not parts:
        return None
    name, titles = _without_credentials(_untitled(parts[0]))
    given: list[str] = []
    suffix: list[str] = []
    for part in parts[1:]:
        if _is_credential(part):
            titles.append(" ".join(part))
        elif {_bare(each) for each in part} <= _TITLES:
            continue
        elif len(part) == 1 and _bare(part[0]) in _GENERATIONS:
            suffix += part
        elif not given and _is_last_name(name):
            given, behind = _without_credentials(_untitled(part))
            titles += behind
        else:
            return None
    first, last = (given, name) if given else _divided(name)
    last = last + suffix
    if not _is_person(first, last):
        return None
    return Name(
        " ".join(first) or None, " ".join(last), ", ".join(titles) or None, folded(" ".join(first + last))
    )


def _divided(name: list[str]) -> tuple[list[str], list[str]]:
    if _is_last_name(name):
        return [], name
    at = next((place for place, each in enumerate(name) if place and _bare(each) in _PARTICLES), None)
    if at is None:
        at = len(_without_generation(name)) - 1
    return name[:at], name[at:]


def _is_last_name(name: list[str]) -> bool:
    return len(_without_generation(name)) == 1 or _bare(name[0]) in _PARTICLES


def _is_person(first: list[str], last: list[str]) -> bool:
    every = first + last
    end = _without_generation(last)[-1]
    initial = len(_bare(end)) == 1 and end.lower() != end.upper()
    letters = all(re.fullmatch(r"[^\W\d_][^\d_&/+@()\[\]{}:<>\"*#?!=|\\]*", each) for each in every)
    strange = {_bare(each) for each in every} & (_TITLES | _OFFICES)
    doubtful = any(_is_credential([each]) for each in (every[1:] if first else every))
    return len(every) <= 6 and not initial and letters and not strange and not doubtful


def _untitled(name: list[str]) -> list[str]:
    while len(name) > 1 and _bare(name[0]) in _TITLES:
        name = name[1:]
    return name


def _without_credentials(name: list[str]) -> tuple[list[str], list[str]]:
    for place in range(1, len(name)):
        if _is_credential(name[place:]):
            return name[:place], [" ".join(name[place:])]
    return name, []


def _is_credential(part: list[str]) -> bool:
    """Whether nothing but credentials stands there."""
    rest = words.without_credentials(" ".join(part))
    strange = [each for each in rest.split() if _bare(each).upper() not in _FELLOWSHIPS]
    return not strange and any(sign.isalpha() for each in part for sign in each)


def _without_generation(name: list[str]) -> list[str]:
    return name[:-1] if len(name) > 1 and _bare(name[-1]) in _GENERATIONS else name


def _bare(each: str) -> str:
    return each.replace(".", "").lower()
