"""One authenticated connection to an org: timeouts, retries, renewed logins, and errors in our words.

Every request of this package passes ``Http.request``, those that simple-salesforce makes included (it gets
this object as its session and sets neither timeouts nor retries itself). An error never carries the
answer's text, which may quote a record: status, code and field names only.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import requests
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential, wait_random
from urllib3.exceptions import MaxRetryError, NewConnectionError

from migration_assets.destinations.salesforce.failures import request_error
from migration_assets.destinations.salesforce.login import Grant, log_in
from migration_assets.destinations.salesforce.settings import AccessToken, EnvironmentSettings
from migration_assets.errors import (
    DestinationError,
    DestinationLimitReached,
    DestinationLoginFailed,
    DestinationUnreachable,
)
from migration_assets.practice import resolve

if TYPE_CHECKING:
    from simple_salesforce.api import Salesforce

_IDEMPOTENT = frozenset({"GET", "HEAD", "DELETE"})
_BUSY = frozenset({429, 502, 503, 504})
_LIMITS = {
    "REQUEST_LIMIT_EXCEEDED": "the org's API requests of 24 hours are used up; wait, or raise the limit",
    "STORAGE_LIMIT_EXCEEDED": "the org's storage is full; free or buy storage",
    "EXCEEDED_ID_LIMIT": "the request names too many records",
    "LIMIT_EXCEEDED": "a limit of the org is used up; see Setup, Company Information",
}
_LONGEST_WAIT_SECONDS = 30.0


class RequestRefused(DestinationError):
    """The org answered 4xx or 5xx; ``status`` and ``error_code`` are its own, ``fields`` names only."""

    def __init__(self, message: str, status: int, error_code: str, fields: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.error_code = error_code
        self.fields = fields


class StorageFull(DestinationLimitReached):
    """The org has no room for the record or the file; a smaller one may still fit."""


class _Again(Exception):
    """The request may be tried again; ``error`` is raised where it isn't."""

    def __init__(self, error: DestinationError) -> None:
        super().__init__(error.code)
        self.error = error


_NOT_VERIFIED = "CERTIFICATE_VERIFY_FAILED"
"""What OpenSSL says of a certificate that nobody vouches for, and of one for another host."""


class Http(requests.Session):
    """A requests session that obeys ``settings``; logs in at its first request."""

    def __init__(self, settings: EnvironmentSettings) -> None:
        super().__init__()
        self.settings = settings
        self.api_usage: tuple[int, int] | None = None
        self.server_time: datetime | None = None
        self._grant: Grant | None = None
        self._login_lock = threading.Lock()
        self._verify: str | bool | None = None

    @property
    def grant(self) -> Grant:
        with self._login_lock:
            if self._grant is None:
                self._grant = log_in(self.settings, self._post_form)
            return self._grant

    def renew(self, refused: Grant) -> None:
        """Log in again unless somebody has since ``refused`` was used."""
        with self._login_lock:
            if self._grant is not refused:
                return
            if isinstance(self.settings.auth, AccessToken):
                raise DestinationLoginFailed(
                    "Salesforce no longer accepts the access token; put a new one into "
                    f"{self.settings.auth.token.env}, or use client_credentials or jwt, which are renewed"
                )
            self._grant = log_in(self.settings, self._post_form)

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """As requests' own, plus ``idempotent``: whether it may be repeated after it may have arrived."""
        verb = method.decode() if isinstance(method, bytes) else method.upper()
        idempotent = bool(kwargs.pop("idempotent", verb in _IDEMPOTENT))

        def once() -> requests.Response:
            grant = self.grant
            response = self._authorized(grant, verb, url, idempotent, *args, **kwargs)
            if response.status_code == 401:
                response.close()
                self.renew(grant)
                response = self._authorized(self.grant, verb, url, idempotent, *args, **kwargs)
            return self._judge(response, idempotent)

        return self._repeat(once)

    def _authorized(
        self, grant: Grant, verb: str, url: str | bytes, idempotent: bool, *args: Any, **kwargs: Any
    ) -> requests.Response:
        headers: Mapping[str, str] = kwargs.pop("headers", None) or {}
        bearer = {"Authorization": f"Bearer {grant.token}"}
        return self._plain(verb, url, idempotent, *args, headers={**headers, **bearer}, **kwargs)

    def _post_form(self, url: str, form: Mapping[str, str]) -> requests.Response:
        def once() -> requests.Response:
            response = self._plain("POST", url, True, data=dict(form))
            if response.status_code in _BUSY:
                raise _Again(_refused(response))
            return response

        return self._repeat(once)

    def _repeat(self, once: Callable[[], requests.Response]) -> requests.Response:
        first = self.settings.retry_wait
        waits = wait_exponential(multiplier=first, max=_LONGEST_WAIT_SECONDS) + wait_random(0, first)
        retrying = Retrying(
            stop=stop_after_attempt(self.settings.retry_attempts),
            wait=waits,
            retry=retry_if_exception_type(_Again),
            reraise=True,
        )
        try:
            response: requests.Response = retrying(once)
        except _Again as again:
            raise again.error from None
        return response

    def _plain(
        self, verb: str, url: str | bytes, idempotent: bool, *args: Any, **kwargs: Any
    ) -> requests.Response:
        kwargs.setdefault("timeout", (self.settings.connect_timeout, self.settings.read_timeout))
        # Passed with the request: requests lets REQUESTS_CA_BUNDLE win over the session's own setting.
        kwargs.setdefault("verify", self._certificates())
        try:
            response = super().request(verb, url, *args, **kwargs)
        except requests.RequestException as error:
            # A connection that is cut within TLS is an SSLError too.
            if isinstance(error, requests.exceptions.SSLError) and _NOT_VERIFIED in str(error):
                raise DestinationUnreachable(
                    "Salesforce's certificate can't be verified; set ca_bundle to the authority's file, "
                    "or check instance_url and the proxy"
                ) from None
            unreachable = DestinationUnreachable(
                f"Salesforce can't be reached ({type(error).__name__}); check instance_url, the network and "
                "status.salesforce.com, then run again"
            )
            if idempotent or _never_arrived(error):
                raise _Again(unreachable) from None
            raise unreachable from None
        self._note(response)
        return response

    def _certificates(self) -> str | bool:
        if self._verify is None:
            bundle = self.settings.ca_bundle
            self._verify = True if bundle is None else resolve(bundle)
        return self._verify

    def _note(self, response: requests.Response) -> None:
        usage = response.headers.get("Sforce-Limit-Info", "")
        used, _, total = usage.partition("api-usage=")[2].partition(";")[0].partition("/")
        if used.isdigit() and total.isdigit():
            self.api_usage = (int(used), int(total))
        told = response.headers.get("Date")
        if told:
            self.server_time = parsedate_to_datetime(told).astimezone(UTC)

    def _judge(self, response: requests.Response, idempotent: bool) -> requests.Response:
        if response.status_code < 400 or _is_soap_fault(response):
            return response
        error = _refused(response)
        if error.error_code in _LIMITS:
            limit = DestinationLimitReached(f"Salesforce: {_LIMITS[error.error_code]} ({error.error_code})")
            if error.error_code == "REQUEST_LIMIT_EXCEEDED":
                # Also what too many requests at the same time are answered with, and those pass.
                raise _Again(limit)
            if error.error_code == "STORAGE_LIMIT_EXCEEDED":
                raise StorageFull(str(limit))
            raise limit
        if response.status_code == 401:
            raise DestinationLoginFailed(
                f"Salesforce refused a fresh login's token ({error.error_code}); give the user API access"
            )
        if response.status_code in _BUSY and idempotent:
            raise _Again(error)
        raise error


def _never_arrived(error: requests.RequestException) -> bool:
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _is_soap_fault(response: requests.Response) -> bool:
    return response.status_code == 500 and "xml" in response.headers.get("Content-Type", "")


def _refused(response: requests.Response) -> RequestRefused:
    try:
        code, fields = request_error(response.json())
    except (ValueError, requests.RequestException):
        code, fields = request_error(None)
    response.close()
    what = f"Salesforce answered {response.status_code} {code}"
    if fields:
        what += f" for {', '.join(fields)}"
    if response.status_code in _BUSY:
        return RequestRefused(f"{what}: it is busy; run again later", response.status_code, code, fields)
    advice = (
        "check the login's permissions" if response.status_code == 403 else "see the platform's list of codes"
    )
    return RequestRefused(f"{what}; {advice}", response.status_code, code, fields)


class SalesforceSession:
    """What the rest of this package sends requests through; building it makes none."""

    def __init__(self, settings: EnvironmentSettings) -> None:
        self.settings = settings
        self.http = Http(settings)
        self._client: Salesforce | None = None
        self._user_id: str | None = None

    @property
    def client(self) -> Salesforce:
        """simple-salesforce for REST, describe and SOQL, over the same policy."""
        if self._client is None:
            from simple_salesforce.api import Salesforce

            grant = self.http.grant
            self._client = Salesforce(
                session_id=grant.token,
                instance_url=grant.instance_url,
                version=self.settings.api_version,
                session=self.http,
            )
        return self._client

    def url(self, path: str) -> str:
        """``path`` is relative to the versioned REST root, or absolute from the host with a leading slash."""
        base = self.http.grant.instance_url
        return (
            base + path
            if path.startswith("/")
            else f"{base}/services/data/v{self.settings.api_version}/{path}"
        )

    def request(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        return self.http.request(method, self.url(path), **kwargs)

    def get_json(self, path: str, **kwargs: Any) -> Any:
        return self.request("GET", path, **kwargs).json()

    def query(self, soql: str) -> list[dict[str, Any]]:
        """All records of a small query (schema and setup objects; records go through Bulk queries)."""
        return [dict(record) for record in self.client.query_all_iter(soql)]

    def tooling_query(self, soql: str) -> list[dict[str, Any]]:
        answer = self.get_json("tooling/query", params={"q": soql})
        records: list[dict[str, Any]] = list(answer["records"])
        while not answer.get("done", True):
            answer = self.get_json(answer["nextRecordsUrl"])
            records += answer["records"]
        return records

    def user_id(self) -> str:
        """The login's user, 18 characters."""
        if self._user_id is None:
            granted = self.http.grant.user_id
            self._user_id = granted or str(self.get_json("/services/oauth2/userinfo")["user_id"])
        return self._user_id

    def close(self) -> None:
        self.http.close()
