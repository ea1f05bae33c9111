"""What the modules of records ask of the client: a small protocol, so that they know no transport.

The client keeps the rate, waits out 429 and repeats what may be repeated. Paths are those of the API after
``/api/`` (``contacts/31000000001``). Errors are ``errors_of_api``'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

Json = dict[str, Any]
"""A JSON object of the API."""


class Pieces(Protocol):
    """The content of a file, which can be read again from its first byte."""

    def __iter__(self) -> Iterator[bytes]: ...


class Client(Protocol):
    """One account and one key of it.

    Every method raises ``ApiRefused`` (status, ``code`` a word of ours, ``field``) where the API says no,
    DestinationUnreachable where it says nothing, DestinationLoginFailed and DestinationLimitReached.
    """

    def get(self, path: str, params: Mapping[str, str | int] | None = None) -> Json:
        """Repeated until it is answered, within the settings' attempts."""

    def post(self, path: str, body: Mapping[str, Any], *, repeatable: bool = False) -> Json:
        """``repeatable``: a search or an upsert, which may be sent again after a lost answer.

        Raises AnswerLost where it isn't and nobody knows whether it was done.
        """

    def put(self, path: str, body: Mapping[str, Any]) -> Json:
        """Repeated until it is answered: written twice is written once."""

    def delete(self, path: str) -> bool:
        """False where nothing was there (404)."""

    def multipart(
        self,
        path: str,
        fields: Mapping[str, str],
        *,
        part: str,
        file_name: str,
        content_type: str,
        size: int,
        pieces: Pieces,
    ) -> Json:
        """One file, streamed. Raises AnswerLost as ``post`` does, and what ``pieces`` raises, as it is."""

    def download(self, url: str) -> Iterator[bytes]:
        """The content behind the url of a document, without the key: it bears a signature of its own."""
