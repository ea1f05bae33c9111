"""A Freshsales account by its public API alone: answers as JSON, lists page by page, files as bytes.

Nothing is written. A refusal for too many calls is waited out.
"""

import ssl
import time
from collections.abc import Iterator
from typing import Any

import httpx

_PER_PAGE = 100
_TOO_MANY, _WAITS, _LONGEST_WAIT = 429, 600, 60.0
_TRIES = 4

Json = dict[str, Any]


class Api:
    """``url`` is ``https://<bundle>.myfreshworks.com/crm/sales``; ``ca`` a file of authorities."""

    def __init__(self, url: str, key: str, ca: str | None = None) -> None:
        self._client = httpx.Client(
            base_url=f"{url.rstrip('/').removesuffix('/api')}/api/",
            headers={"Authorization": f"Token token={key}"},
            verify=ssl.create_default_context(cafile=ca) if ca else True,
            timeout=120,
            trust_env=False,
        )

    def close(self) -> None:
        self._client.close()

    def get(self, path: str, **params: Any) -> Json:
        """Raises httpx.HTTPStatusError where the account refuses."""
        answer = self._answer(path, params)
        answer.raise_for_status()
        told: Json = answer.json()
        return told

    def find(self, path: str, **params: Any) -> Json | None:
        """None where the account has no such thing, or doesn't show it."""
        answer = self._answer(path, params)
        if answer.status_code in (403, 404, 501):
            return None
        answer.raise_for_status()
        told: Json = answer.json()
        return told

    def pages(self, path: str, **params: Any) -> Iterator[Json]:
        page = 1
        while True:
            told = self.get(path, page=page, per_page=_PER_PAGE, **params)
            yield told
            if page >= int((told.get("meta") or {}).get("total_pages") or 1):
                return
            page += 1

    def pieces(self, url: str) -> Iterator[bytes]:
        """A file's content; its address bears its own permission, so the key isn't sent along."""
        with self._client.stream("GET", url, headers={"Authorization": ""}) as answer:
            answer.raise_for_status()
            yield from answer.iter_bytes()

    def _answer(self, path: str, params: Json) -> httpx.Response:
        failed = 0
        for _ in range(_WAITS):
            try:
                answer = self._client.get(path, params=params)
            except httpx.TransportError:
                failed += 1
                if failed == _TRIES:
                    raise
                continue
            if answer.status_code == _TOO_MANY:
                time.sleep(min(float(answer.headers.get("Retry-After") or 1), _LONGEST_WAIT))
            elif answer.status_code >= 500 and answer.status_code != 501 and failed < _TRIES:
                failed += 1
                time.sleep(failed)
            else:
                return answer
        raise TimeoutError("the account takes no calls")
