"""Errors as the org's APIs answer them.

ApiError becomes the body of a REST answer, RowError the outcome of one record. Messages may quote the
caller's own input, as Salesforce's do: they go back to that caller and nowhere else (no log of this server
takes a message).
"""

from collections.abc import Sequence
from dataclasses import dataclass


class ApiError(Exception):
    """A refused request: HTTP status and the pieces of `[{"message", "errorCode", "fields"}]`."""

    def __init__(self, status: int, code: str, message: str, fields: Sequence[str] | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.fields = list(fields) if fields is not None else None

    def body(self) -> list[dict[str, object]]:
        answer: dict[str, object] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            answer["fields"] = self.fields
        return [answer]


@dataclass(frozen=True)
class RowError:
    """Why one record was refused."""

    code: str
    message: str
    fields: tuple[str, ...] = ()

    def as_bulk(self) -> str:
        """The `sf__Error` cell: `CODE:message:Field,Field --`."""
        return f"{self.code}:{self.message}:{','.join(self.fields)} --"

    def as_collection(self) -> dict[str, object]:
        """An entry of `errors` in a composite or collection answer."""
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields)}


def not_found(message: str = "The requested resource does not exist") -> ApiError:
    return ApiError(404, "NOT_FOUND", message)


def invalid_session() -> ApiError:
    return ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid")
