"""What the API says, without what it quotes: a code and a sentence of ours for each of its refusals.

Errors look like ``{"errors": {"code": 400, "message": ["Name has already been taken"]}}`` (recorded);
``message`` may be one string. The sentences repeat what was sent, so none is passed on. Only the shape and
that one sentence are recorded: other wordings are recognised by the words that Rails' validations use, and
what isn't recognised is UNKNOWN.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from migration_assets.errors import DestinationError

UNKNOWN = "unknown_error"
EMAIL_TAKEN = "email_taken"
EXTERNAL_ID_TAKEN = "external_id_taken"
NAME_TAKEN = "name_taken"
VALUE_TAKEN = "value_taken"
REQUIRED_MISSING = "required_missing"
TOO_LONG = "too_long"
NOT_IN_LIST = "not_in_list"
NO_SUCH_RECORD = "no_such_record"
INVALID_VALUE = "invalid_value"
UNKNOWN_FIELD = "unknown_field"
FILE_TOO_LARGE = "file_too_large"
STORAGE_FULL = "storage_full"
PLAN_LIMIT = "plan_limit"
FORBIDDEN = "forbidden"
NOT_FOUND = "not_found"
NOT_SERVED = "not_served"
BUSY = "busy"

SENTENCES: dict[str, str] = {
    EMAIL_TAKEN: "another contact has this e-mail, which the account keeps unique; have an administrator "
    "switch that off, or choose another way with e-mails that relatives share",
    EXTERNAL_ID_TAKEN: "another contact has this external id, perhaps in the recycle bin; merge or forget it",
    NAME_TAKEN: "another record has this name, which the account keeps unique; rename one of them",
    VALUE_TAKEN: "another record already holds the value of a unique field",
    REQUIRED_MISSING: "a required field has no value; map it, or make it optional in the account",
    TOO_LONG: "the text is longer than the field; shorten it in the mapping",
    NOT_IN_LIST: "the value is not one of the field's choices; have an administrator add it",
    NO_SUCH_RECORD: "the record that it points to isn't there; load that one first",
    INVALID_VALUE: "the API takes the value for invalid; correct it in the source or the mapping",
    UNKNOWN_FIELD: "the account doesn't know a field; deploy the schema, or have it added by hand",
    FILE_TOO_LARGE: "the account takes no file of this size; lower files.max_bytes to its limit",
    STORAGE_FULL: "the account's file storage is full; free or buy some, then retry",
    PLAN_LIMIT: "the plan's limit is reached; remove what isn't needed, or use a larger plan",
    FORBIDDEN: "the key's user may not do this; use an administrator's key, and look at the account's plan",
    NOT_FOUND: "there is no such record; it may have been deleted or merged",
    NOT_SERVED: "the account doesn't serve this call",
    BUSY: "Freshsales is busy; run again later",
}

_LABEL = re.compile(r"[A-Za-z][\w ()/%&-]{0,79}")

_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), code)
    for pattern, code in (
        (r"^(?:primary |contact )?e-?mails?\b.* has already been taken$", EMAIL_TAKEN),
        (r"^external id has already been taken$", EXTERNAL_ID_TAKEN),
        (r"^name has already been taken$", NAME_TAKEN),
        (r"^(?P<field>.+?) (?:has already been taken|already exists)$", VALUE_TAKEN),
        (r"\bstorage\b.*\b(?:limit|full|exceeded)\b", STORAGE_FULL),
        (r"^file size\b|\bfile (?:is )?too (?:large|big)\b", FILE_TOO_LARGE),
        (r"\breached the limit\b|\bplan\b.*\blimit\b", PLAN_LIMIT),
        (r"^(?P<field>.+?) can(?:'|’)t be (?:blank|empty)$", REQUIRED_MISSING),
        (r"^(?P<field>.+?) is too long\b", TOO_LONG),
        (r"^(?P<field>.+?) is not included in the list$|^(?P<other>.+?) is not one of\b", NOT_IN_LIST),
        (r"\bthere is no such\b|\bmust exist$", NO_SUCH_RECORD),
        (r"^(?P<field>\w+) is not (?:a field|an attribute) of\b", UNKNOWN_FIELD),
        (r"^(?P<field>.+?) (?:is invalid|is not a |is neither |has more than )", INVALID_VALUE),
    )
)

_BY_STATUS = {403: FORBIDDEN, 404: NOT_FOUND, 405: NOT_SERVED, 413: FILE_TOO_LARGE, 501: NOT_SERVED}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something was refused: a code of ours, and the label of the field that the sentence begins with.

    The label is the API's text: it is compared with known labels and shown only where it is one of them.
    """

    code: str
    label: str | None = None

    @property
    def message(self) -> str:
        return sentence(self.code)

    def field(self, names_by_label: Mapping[str, str]) -> str | None:
        """The name of the field, out of names by label in lower case."""
        return None if self.label is None else names_by_label.get(self.label.lower())


class ApiRefused(DestinationError):
    """The account answered 4xx or 5xx; ``reasons`` has at least one, ``code`` is the first one's."""

    def __init__(self, where: str, status: int, reasons: Sequence[Refusal]) -> None:
        self.status = status
        self.reasons = tuple(reasons) or (Refusal(UNKNOWN),)
        codes = ", ".join(dict.fromkeys(reason.code for reason in self.reasons))
        super().__init__(f"Freshsales answered {where} with {status} ({codes}): {self.reasons[0].message}")
        self.code = self.reasons[0].code
        self.field = self.reasons[0].label


def sentence(code: str) -> str:
    return SENTENCES.get(code, "Freshsales refused it for a reason that isn't known here; try it by hand")


def refusal_of(message: object) -> Refusal:
    """One sentence of the API."""
    text = str(message).strip().rstrip(".")
    for pattern, code in _RULES:
        found = pattern.search(text)
        if found:
            named = found.groupdict()
            label = named.get("field") or named.get("other")
            return Refusal(code, label if label and _LABEL.fullmatch(label) else None)
    return Refusal(UNKNOWN)


def refusals_of(body: object, status: int) -> tuple[Refusal, ...]:
    """All reasons of an error's body; by its status where the body has none that is known."""
    errors = body.get("errors") if isinstance(body, Mapping) else None
    told = errors.get("message") if isinstance(errors, Mapping) else errors
    messages = told if isinstance(told, list) else [told] if isinstance(told, str) else []
    found = tuple(refusal_of(message) for message in messages)
    if status in _BY_STATUS and all(reason.code == UNKNOWN for reason in found):
        return (Refusal(_BY_STATUS[status]),)
    return found or (Refusal(BUSY if status >= 500 else UNKNOWN),)
