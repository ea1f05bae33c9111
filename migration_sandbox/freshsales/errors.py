"""Errors as the API answers them: `{"errors": {"code": 400, "message": ["Name has already been taken"]}}`.

Only that body's shape is recorded; the wording of most messages is ours. They may quote the caller's own
input: they go back to that caller and nowhere else.
"""


class ApiError(Exception):
    """A refused request: HTTP status and its messages."""

    def __init__(self, status: int, *messages: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.messages = list(messages)
        self.headers = headers or {}

    def body(self, one_string: bool = False) -> dict[str, object]:
        message: object = "; ".join(self.messages) if one_string else self.messages
        return {"errors": {"code": self.status, "message": message}}


def bad(*messages: str) -> ApiError:
    return ApiError(400, *messages)


def not_found(what: str = "The resource was not found") -> ApiError:
    return ApiError(404, what)


def forbidden(why: str) -> ApiError:
    return ApiError(403, why)


def not_built(what: str) -> ApiError:
    """For what Freshsales documents and this server doesn't have."""
    return ApiError(501, f"The sandbox doesn't serve {what}", headers={"X-Sandbox": "not built"})
