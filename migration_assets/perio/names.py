"""Names in free text: taken apart where that needs no guess, and folded so that two can be compared.

Degrees and titles that are values of a picklist are read in ``people``. Whether two entries are the same
person is the business of the object that joins them.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from migration_assets.perio.people import parse_credentials
from migration_assets.perio.vocabulary import (
    GENERATIONS,
    LEGAL_FORMS,
    NAME_TITLES,
    NO_VALUES,
    OTHER_CREDENTIALS,
    SURNAME_PARTICLES,
    WORDS_OF_NO_NAME,
)

FEWEST_PHONE_DIGITS = 7
"""A local number of the United States; fewer digits are an extension or a slip."""

_MOST_NAME_WORDS = 6
_PARTS = re.compile(r"[,;]")
_GLUED_TITLE = re.compile(r"\b(dr|prof|mr|mrs|ms)\.(?=[^\W\d_])", re.IGNORECASE)
_DOCTOR_OF = re.compile(r"\b(dr\.)(?:\s*(?:med|dent)\.)+", re.IGNORECASE)
_NAME_WORD = re.compile(r"[^\W\d_][^\d_&/+@()\[\]{}:<>\"*#?!=|\\]*")
_EXTENSION = re.compile(r"[\s,;]*(?:x|ext(?:ension)?|#)[\s.:]*\d+\s*$", re.IGNORECASE)
_APOSTROPHES = dict.fromkeys(map(ord, "'’‘ʼ`´"))
_WITHOUT_DECOMPOSITION = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}
)


@dataclass(frozen=True)
class PersonName:
    """A name out of free text, without its title.

    ``last_name`` is the whole text where it can't be taken apart, ``credentials`` what stood behind the name
    as it was written; ``folded`` is the same for two spellings of one name ("Smith, Jane DDS", "Dr. jane
    smith").
    """

    first_name: str | None
    last_name: str
    credentials: str | None
    folded: str


def read_name(written: str) -> PersonName:
    """``Dr. Jane Smith, DDS``, ``Smith Jr., Jane``, ``Jean-Luc van der Berg``; ``written`` isn't blank.

    An underscore is a blank: the Open Dental bridge writes it so. A text is left whole where it names an
    office or several people, or where it has two readings ("Garcia Lopez, Ana").
    """
    text = _DOCTOR_OF.sub(r"\1 ", " ".join(written.replace("_", " ").split()))
    text = _GLUED_TITLE.sub(r"\1. ", text)
    parts = [part.split() for part in _PARTS.split(text) if part.strip()]
    found = _taken_apart(parts) if parts else None
    if found is not None:
        return found
    return PersonName(None, written, None, folded(" ".join(_without_titles(text.split()))))


def names_nobody(written: str) -> bool:
    """A text without a letter, or one of the words for "nothing".

    ``NA`` in capitals is the Open Dental bridge's sign for an empty field, "Na" is somebody's name.
    """
    plain = folded(written)
    if plain == "na":
        return written.strip() == "NA"
    return plain in NO_VALUES or not any(letter.isalpha() for letter in plain)


def folded(text: str) -> str:
    """Letters and digits of ``text`` for a comparison: case, accents and apostrophes don't count.

    All other signs are blanks, one between two words. Only the accents of Latin, Greek and Cyrillic letters
    (U+0300 to U+036F) are taken off: in other scripts a mark makes another letter.
    """
    plain = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES)).casefold()
    plain = unicodedata.normalize("NFKD", plain).translate(_WITHOUT_DECOMPOSITION)
    kept = "".join(_folded_sign(sign) for sign in plain if not "\u0300" <= sign <= "\u036f")
    return " ".join(unicodedata.normalize("NFKC", kept).split())


def folded_practice(written: str) -> str | None:
    """A practice's name for a comparison, without its legal form; None where it says nothing."""
    words = folded(written.replace(".", "").replace("&", " and ")).split()
    while len(words) > 1 and words[-1] in LEGAL_FORMS:
        del words[-1]
    plain = " ".join(words)
    return None if not plain or plain in NO_VALUES else plain


def phone_digits(written: str) -> str | None:
    """The digits of a telephone number without its extension and the country code 1.

    None where they are fewer than FEWEST_PHONE_DIGITS, or all the same (000-000-0000).
    """
    number = _EXTENSION.sub("", written)
    digits = "".join(str(unicodedata.decimal(sign)) for sign in number if sign.isdecimal())
    if len(digits) == 11 and digits.startswith("1"):
        digits = digits[1:]
    return digits if len(digits) >= FEWEST_PHONE_DIGITS and len(set(digits)) > 1 else None


def _folded_sign(sign: str) -> str:
    category = unicodedata.category(sign)
    if category == "Cf":
        return ""
    return sign if category[0] in "LNM" else " "


def _taken_apart(parts: list[list[str]]) -> PersonName | None:
    """The first part is the name, or the last name where a later one is the first name."""
    main, credentials = _without_credentials(_without_titles(parts[0]))
    given: list[str] | None = None
    generation: list[str] = []
    for words in parts[1:]:
        if _are_credentials(words):
            credentials.append(" ".join(words))
        elif all(_bare(word) in NAME_TITLES for word in words):
            continue
        elif len(words) == 1 and _bare(words[0]) in GENERATIONS:
            generation += words
        elif given is None and _is_lone_last_name(main):
            given, behind = _without_credentials(_without_titles(words))
            credentials += behind
        else:
            return None
    first, last = _first_and_last(main) if given is None else (given, main)
    last = last + generation
    if not _is_a_name(first, last):
        return None
    return PersonName(
        " ".join(first) or None,
        " ".join(last),
        ", ".join(credentials) or None,
        folded(" ".join(first + last)),
    )


def _without_titles(words: list[str]) -> list[str]:
    start = 0
    while start < len(words) - 1 and _bare(words[start]) in NAME_TITLES:
        start += 1
    return words[start:]


def _without_credentials(words: list[str]) -> tuple[list[str], list[str]]:
    """The words before the longest run of credentials at the end, at least one, and that run as one text."""
    for start in range(1, len(words)):
        if _are_credentials(words[start:]):
            return words[:start], [" ".join(words[start:])]
    return words, []


def _are_credentials(words: list[str]) -> bool:
    parsed = parse_credentials(" ".join(words))
    others = [word for text in parsed.unparsed for word in text.split()]
    known = [word for word in others if _joined(word).upper() in OTHER_CREDENTIALS]
    return len(known) == len(others) and bool(parsed.known or known)


def _first_and_last(words: list[str]) -> tuple[list[str], list[str]]:
    if _is_lone_last_name(words):
        return [], words
    for place, word in enumerate(words[1:], 1):
        if _bare(word) in SURNAME_PARTICLES:
            return words[:place], words[place:]
    name = _without_generation(words)
    return words[: len(name) - 1], words[len(name) - 1 :]


def _is_lone_last_name(words: list[str]) -> bool:
    return len(_without_generation(words)) == 1 or _bare(words[0]) in SURNAME_PARTICLES


def _without_generation(words: list[str]) -> list[str]:
    return words[:-1] if len(words) > 1 and _bare(words[-1]) in GENERATIONS else words


def _is_a_name(first: list[str], last: list[str]) -> bool:
    words = first + last
    end = _without_generation(last)[-1]
    # "Smith J." has its first name behind; a single letter of a script without capitals is a name.
    initial_at_the_end = len(_bare(end)) == 1 and end.lower() != end.upper()
    # "Md" is a first name too, but only where names begin.
    names = words[1:] if first else words
    return (
        len(words) <= _MOST_NAME_WORDS
        and not initial_at_the_end
        and all(_NAME_WORD.fullmatch(word) for word in words)
        and not any(_bare(word) in NAME_TITLES or _bare(word) in WORDS_OF_NO_NAME for word in words)
        and not any(_are_credentials([word]) or _joined(word) in LEGAL_FORMS for word in names)
    )


def _bare(word: str) -> str:
    """Without the dot of an abbreviation: "Jr.", "St."; "M.S." are initials."""
    return word.rstrip(".").lower()


def _joined(word: str) -> str:
    return word.replace(".", "").lower()
