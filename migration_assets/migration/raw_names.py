"""The second reader's names: who a text of a referral names, and when two of them are one.

As ``raw_words``, written without objects/ and perio/ on purpose: a name is told by the kinds of its words,
written as one letter each and matched by one expression, instead of by trying word after word.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import takewhile

from migration_assets.migration.raw_words import are_degrees

_LEGAL = "llc|pllc|pc|pa|inc|llp|ltd|corp"
_LEGAL_FORMS_BEHIND = re.compile(rf"(?<=\S)(?: (?:{_LEGAL}))+$")
_NOTHING = ("", "n a", "na", "none", "unknown", "not known", "not given", "tbd")
_TITLE = "dr|doctor|dra|prof|professor|mr|mrs|ms|miss|mx"
_OFFICE = (
    "and|or|und|the|of|at|from|office|via|per|for|drs|dental|dentistry|dentists?|orthodontics|endodontics|"
    "periodontics|prosthodontics|clinics?|group|associates|care|center|centre|health|hospital|institute|practice|"
    "services|smiles?|specialists|studio|surgery|university"
)
_GENERATION = "jr|sr|ii|iii|iv"
_PARTICLE = "de|del|della|di|da|dos|das|du|la|le|los|van|von|ter|zu|bin|ibn|al|el|st|ste|saint"
_KNOWN = re.compile(f"(?P<t>{_TITLE})|(?P<o>{_OFFICE})|(?P<g>{_GENERATION})|(?P<p>{_PARTICLE})")
# Kinds of words: w any, i an initial, c a degree or a firm, g a generation, p a particle; t, o, x: no name.
_LAST_NAME = re.compile(r"p[wicgp]*|[wicg]g?")
_WHOLE_NAME = re.compile(rf"([wicg]+?)({_LAST_NAME.pattern})")
_MOST_WORDS = 6
_WORD = re.compile(r"[^\W\d_][^\d_&/+@()\[\]{}:<>\"*#?!=|\\]*")
_DOCTOR_OF = re.compile(r"\b(dr\.)(?: ?(?:med|dent)\.)+", re.IGNORECASE)
_GLUED_TITLE = re.compile(r"\b(dr|prof|mr|mrs|ms)\.(?=[^\W\d_])", re.IGNORECASE)
_APOSTROPHES = re.compile("['\u2019\u2018\u02bc`\u00b4]")
_ACCENTS = re.compile("[\u0300-\u036f]")
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})
_EXTENSION = re.compile(r"(?:x|ext|extension|#)[\s.:]*\d+\s*$", re.IGNORECASE)
_FEWEST_DIGITS = 7


@dataclass(frozen=True)
class Name:
    """``last`` is the whole text where it can't be parted; ``same`` is equal for spellings of one name."""

    first: str | None
    last: str
    degrees: str | None
    same: str


def name_of(written: str) -> Name:
    """``Dr. Jane Smith, DDS``, ``Smith, Jane``, ``Jean-Luc van der Berg``."""
    spaced = _DOCTOR_OF.sub(r"\1 ", " ".join(written.replace("_", " ").split()))
    text = _GLUED_TITLE.sub(r"\1. ", spaced)
    parts = [part.split() for part in re.split("[,;]", text) if part.strip()]
    found = _told_apart(parts) if parts else None
    return found or Name(None, written, None, same_letters(" ".join(_untitled(text.split()))))


def names_nobody(written: str) -> bool:
    """``NA`` is the bridge's word for nothing, ``Na`` is a name."""
    letters = same_letters(written)
    if letters == "na":
        return written.strip() == "NA"
    return letters in _NOTHING or not any(map(str.isalpha, letters))


def same_letters(text: str) -> str:
    """Without case, accents and signs, words one blank apart."""
    folded = unicodedata.normalize("NFKD", _APOSTROPHES.sub("", text)).casefold()
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", folded)).translate(_LETTERS)
    kinds = [(sign, unicodedata.category(sign)) for sign in plain if unicodedata.category(sign) != "Cf"]
    blanks = "".join(sign if kind[0] in "LMN" else " " for sign, kind in kinds)
    return " ".join(unicodedata.normalize("NFKC", blanks).split())


def same_practice(written: str) -> str | None:
    """None where it says nothing."""
    letters = same_letters(written.replace(".", "").replace("&", " and "))
    letters = _LEGAL_FORMS_BEHIND.sub("", letters)
    return None if letters in _NOTHING else letters


def same_phone(written: str) -> str | None:
    """Its digits without extension and country code; None where they are no telephone number."""
    digits = "".join(str(int(sign)) for sign in _EXTENSION.sub("", written) if sign.isdecimal())
    if re.fullmatch("1[0-9]{10}", digits):
        digits = digits[1:]
    return digits if len(digits) >= _FEWEST_DIGITS and digits.strip(digits[0]) else None


def _told_apart(parts: list[list[str]]) -> Name | None:
    last, degrees = _without_degrees(_untitled(parts[0]))
    is_lone = bool(_LAST_NAME.fullmatch(_kinds(last)))
    first: list[str] = []
    generation: list[str] = []
    for part in parts[1:]:
        if are_degrees(" ".join(part)):
            degrees.append(" ".join(part))
        elif len(part) == 1 and _kinds(part) == "g":
            generation += part
        elif all(_known(word) == "t" for word in part):
            continue
        elif is_lone and not first:
            first, more = _without_degrees(_untitled(part))
            degrees += more
        else:
            return None
    if not first and not is_lone:
        halves = _WHOLE_NAME.fullmatch(_kinds(last))
        if halves is None:
            return None
        first, last = last[: halves.end(1)], last[halves.end(1) :]
    last = last + generation
    if not _can_be(first, last):
        return None
    whole = same_letters(" ".join(first + last))
    return Name(" ".join(first) or None, " ".join(last), ", ".join(degrees) or None, whole)


def _can_be(first: list[str], last: list[str]) -> bool:
    of_last = _kinds(last)
    kinds = _kinds(first) + of_last
    ends = of_last[:-1] if len(of_last) > 1 and of_last[-1] == "g" else of_last
    # "Md" is a first name too, but only where names begin.
    degree = "c" in kinds[bool(first) :]
    return len(kinds) <= _MOST_WORDS and not set(kinds) & set("tox") and ends[-1] != "i" and not degree


def _kinds(words: list[str]) -> str:
    return "".join(map(_kind, words))


def _kind(word: str) -> str:
    if not _WORD.fullmatch(word):
        return "x"
    if known := _known(word):
        return known
    if len(_bare(word)) == 1 and word.lower() != word.upper():
        return "i"
    is_title_behind = are_degrees(word) or re.fullmatch(_LEGAL, word.replace(".", "").lower())
    return "c" if is_title_behind else "w"


def _known(word: str) -> str | None:
    found = _KNOWN.fullmatch(_bare(word))
    return found and found.lastgroup


def _bare(word: str) -> str:
    """Without the dot of an abbreviation; ``M.S.`` are initials."""
    return word.rstrip(".").lower()


def _untitled(words: list[str]) -> list[str]:
    titles = list(takewhile(lambda word: _known(word) == "t", words[:-1]))
    return words[len(titles) :]


def _without_degrees(words: list[str]) -> tuple[list[str], list[str]]:
    behind = (at for at in range(1, len(words)) if are_degrees(" ".join(words[at:])))
    at = next(behind, len(words))
    return words[:at], [" ".join(words[at:])] if words[at:] else []
