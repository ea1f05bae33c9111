"""One account's API: every call of this package passes here, with the key, the rate, timeouts and retries.

What may be repeated is repeated (reads, changes of a record by its id, deletions, upserts). A creation isn't:
where its answer is lost, AnswerLost says so, and the caller looks for the record first. 429 is certain not to
have done anything and is waited out for all runs of the account. No error, and no line of the log, has a
value of a record: method, path without ids, status and codes only.
"""

from __future__ import annotations

import logging
import re
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential, wait_random

from migration_assets.destinations.freshsales.api import Json, Pieces
from migration_assets.destinations.freshsales.capacity import calls_an_hour
from migration_assets.destinations.freshsales.errors_of_api import ApiRefused, refusals_of
from migration_assets.destinations.freshsales.multipart import FileBody
from migration_assets.destinations.freshsales.rate import CallBudget, Limits, account_file
from migration_assets.destinations.freshsales.settings import EnvironmentSettings
from migration_assets.errors import (
    AnswerLost,
    DestinationError,
    DestinationLimitReached,
    DestinationLoginFailed,
    DestinationUnreachable,
)
from migration_assets.practice import resolve

_LOG = logging.getLogger(__name__)
_ID = re.compile(r"(?<=/)\d+(?=/|$)")
_LONGEST_RETRY_SECONDS = 30.0
_LONGEST_REFUSAL_SECONDS = 60.0
_MOST_REFUSALS = 30
_NOT_VERIFIED = "CERTIFICATE_VERIFY_FAILED"
_NEVER_ARRIVED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class _Again(Exception):
    """The call may be made again; ``error`` is raised where it isn't."""

    def __init__(self, error: DestinationError) -> None:
        super().__init__(error.code)
        self.error = error


class _Limited(Exception):
    """429; ``seconds`` is what Retry-After says, in the account's seconds."""

    def __init__(self, seconds: float | None) -> None:
        super().__init__()
        self.seconds = seconds


class FreshsalesClient:
    """As ``api.Client``; any number of threads may use it. Building it makes no request.

    ``patience``: how long a call may wait for the rate (real seconds) before DestinationLimitReached; None
    waits as long as it takes, which is an hour at worst. ``told_limit`` is what the last answer's header says
    of the account's calls, if it says anything.
    """

    def __init__(self, settings: EnvironmentSettings, patience: float | None = None) -> None:
        self.settings = settings
        self.patience = patience
        self.budget = CallBudget(account_file(settings.folder_of_rates, settings.address), _limits(settings))
        self._http: httpx.Client | None = None
        self._lock = threading.Lock()
        self._made, self._seconds = 0, 0.0
        self.told_limit: int | None = None

    @property
    def account(self) -> str:
        """Host and path of the account, by which it is known: the API tells no id of it."""
        parts = urlsplit(self.settings.address.lower())
        return f"{parts.netloc}{parts.path}"

    @property
    def calls_made(self) -> int:
        return self._made

    @property
    def seconds_a_call(self) -> float:
        """From the sending to the answer, on average so far; a fifth of a second before the first."""
        return self._seconds / self._made if self._made else 0.2

    def get(self, path: str, params: Mapping[str, str | int] | None = None) -> Json:
        return self._json("GET", path, True, params=dict(params or {}))

    def post(self, path: str, body: Mapping[str, Any], *, repeatable: bool = False) -> Json:
        return self._json("POST", path, repeatable, json=dict(body))

    def put(self, path: str, body: Mapping[str, Any]) -> Json:
        return self._json("PUT", path, True, json=dict(body))

    def delete(self, path: str) -> bool:
        try:
            self._call("DELETE", path, True, {})
        except ApiRefused as error:
            if error.status == 404:
                return False
            raise
        return True

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
        """Raises ContentChanged where the pieces aren't of that size; nothing is there then."""
        body = FileBody(fields, part, file_name, content_type, size, pieces)
        return self._json("POST", path, False, headers=body.headers, body=body)

    def download(self, url: str) -> Iterator[bytes]:
        """The url is on a file store, so the call doesn't count; it lasts some minutes only.

        Raises DestinationUnreachable, also where it breaks off in the middle, and ApiRefused.
        """
        try:
            request = self._client().build_request("GET", url)
            del request.headers["Authorization"]
            with closing(self._client().send(request, stream=True)) as response:
                if response.status_code >= 400:
                    raise ApiRefused(
                        "GET of a file", response.status_code, refusals_of(None, response.status_code)
                    )
                yield from response.iter_bytes()
        except httpx.HTTPError as error:
            raise _unreachable(error) from None

    def close(self) -> None:
        with self._lock:
            if self._http is not None:
                self._http.close()
                self._http = None
        self.budget.close()

    def _json(self, method: str, path: str, repeatable: bool, **more: Any) -> Json:
        response = self._call(method, path, repeatable, more)
        try:
            told = response.json()
        except ValueError:
            told = None
        if not isinstance(told, dict):
            where = f"{method} {_template(path)}"
            if repeatable:
                raise DestinationError(
                    f"Freshsales answered {where} with something else than a record; check bundle_url"
                )
            raise AnswerLost(f"Freshsales' answer to {where} can't be read; look whether it was done")
        return told

    def _call(self, method: str, path: str, repeatable: bool, more: Mapping[str, Any]) -> httpx.Response:
        first = self.settings.retry_wait
        retrying = Retrying(
            stop=stop_after_attempt(self.settings.retry_attempts),
            wait=wait_exponential(multiplier=first, max=_LONGEST_RETRY_SECONDS) + wait_random(0, first),
            retry=retry_if_exception_type(_Again),
            reraise=True,
        )
        try:
            response: httpx.Response = retrying(self._within_the_rate, method, path, repeatable, more)
        except _Again as again:
            raise again.error from None
        return response

    def _within_the_rate(
        self, method: str, path: str, repeatable: bool, more: Mapping[str, Any]
    ) -> httpx.Response:
        for refusal in range(_MOST_REFUSALS):
            number = self.budget.take(self.patience)
            begun = time.monotonic()
            try:
                return self._once(method, path, repeatable, more)
            except _Limited as limited:
                wait = limited.seconds
                if wait is None:
                    wait = min(self.settings.retry_wait * 2**refusal, _LONGEST_REFUSAL_SECONDS)
                _LOG.info("Freshsales takes no calls for %.0f s", wait)
                self.budget.refused(wait)
            finally:
                self.budget.ended(number)
                with self._lock:
                    self._made += 1
                    self._seconds += time.monotonic() - begun
        raise DestinationLimitReached(
            f"Freshsales refused {method} {_template(path)} {_MOST_REFUSALS} times for its limit of calls; "
            "others use the account's calls too: raise calls_left_free, or run again when they are done"
        )

    def _once(self, method: str, path: str, repeatable: bool, more: Mapping[str, Any]) -> httpx.Response:
        where = f"{method} {_template(path)}"
        given = dict(more)
        body: FileBody | None = given.pop("body", None)
        if body is not None:
            given["content"] = iter(body)
        try:
            response = self._client().request(
                method, f"{self.settings.address}/api/{path.lstrip('/')}", **given
            )
        except httpx.HTTPError as error:
            unreachable = _unreachable(error)
            if _is_refused_certificate(error):
                raise unreachable from None
            if repeatable or isinstance(error, _NEVER_ARRIVED):
                raise _Again(unreachable) from None
            raise AnswerLost(
                f"Freshsales' answer to {where} was lost ({type(error).__name__}); look whether it was done"
            ) from None
        self._note(response)
        return self._judged(response, where, repeatable)

    def _judged(self, response: httpx.Response, where: str, repeatable: bool) -> httpx.Response:
        status = response.status_code
        if status < 300:
            return response
        if status == 429:
            raise _Limited(_retry_after(response.headers.get("Retry-After")))
        if status == 401:
            raise DestinationLoginFailed(
                f"Freshsales doesn't accept the key in {self.settings.api_key.env}; copy the user's API key "
                "from its profile settings, and check that bundle_url is that account's"
            )
        refused = ApiRefused(where, status, refusals_of(_body(response), status))
        if status < 500 or status == 501:
            raise refused
        if repeatable:
            raise _Again(refused)
        raise AnswerLost(f"Freshsales answered {where} with {status}; look whether it was done")

    def _note(self, response: httpx.Response) -> None:
        """Headers about another window than the plan's hour (their meaning is U) aren't used."""
        names = self.settings.rate_headers
        limit, remaining = (_number(response.headers.get(name)) for name in (names.limit, names.remaining))
        self.told_limit = limit
        if remaining is not None and limit == calls_an_hour(self.settings):
            self.budget.told(remaining - (limit - self.budget.limits.hour))

    def _client(self) -> httpx.Client:
        with self._lock:
            if self._http is None:
                bundle = self.settings.ca_bundle
                context = ssl.create_default_context(cafile=None if bundle is None else resolve(bundle))
                timeout = httpx.Timeout(self.settings.read_timeout, connect=self.settings.connect_timeout)
                self._http = httpx.Client(
                    verify=context,
                    timeout=timeout,
                    headers={
                        "Authorization": f"Token token={self.settings.api_key.value()}",
                        "Accept": "application/json",
                    },
                    follow_redirects=False,
                )
            return self._http


def _limits(settings: EnvironmentSettings) -> Limits:
    ours = 1 - settings.calls_left_free
    return Limits(
        hour=max(int(calls_an_hour(settings) * ours), 1),
        minute=max(int(settings.calls_a_minute * ours), 1),
        longest_call=settings.connect_timeout + 2 * settings.read_timeout,
        speed=settings.clock_speed,
    )


def _template(path: str) -> str:
    return _ID.sub("{id}", path.partition("?")[0])


def _body(response: httpx.Response) -> object:
    try:
        return response.json()
    except ValueError:
        return None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _retry_after(text: str | None) -> float | None:
    """Seconds, of either form that the header has (RFC 9110, 10.2.3)."""
    if not text:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((moment.astimezone(UTC) - datetime.now(UTC)).total_seconds(), 0.0)


def _is_refused_certificate(error: httpx.HTTPError) -> bool:
    return _NOT_VERIFIED in str(error)


def _unreachable(error: httpx.HTTPError) -> DestinationUnreachable:
    if _is_refused_certificate(error):
        return DestinationUnreachable(
            "Freshsales' certificate can't be verified; set ca_bundle to the authority's file, or check "
            "bundle_url and the proxy"
        )
    return DestinationUnreachable(
        f"Freshsales can't be reached ({type(error).__name__}); check bundle_url, the network and "
        "status.freshworks.com, then run again"
    )
