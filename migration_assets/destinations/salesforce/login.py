"""Getting an access token for each OAuth flow, and what to tell a person when the org refuses it.

simple-salesforce's own login only knows hosts under salesforce.com and sets no timeout, so the token
request is made here; everything after it may go through simple-salesforce.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from requests import Response

from migration_assets.destinations.salesforce.failures import request_error
from migration_assets.destinations.salesforce.settings import (
    AccessToken,
    Auth,
    ClientCredentials,
    EnvironmentSettings,
    JwtBearer,
)
from migration_assets.errors import ConfigurationError, DestinationError, DestinationLoginFailed
from migration_assets.practice import EnvReference, resolve

TOKEN_PATH = "/services/oauth2/token"
_ASSERTION_SECONDS = 180

Post = Callable[[str, Mapping[str, str]], Response]


@dataclass(frozen=True, slots=True)
class Grant:
    """A token, the address of the instance that takes it, and whose it is where the org said so."""

    token: str = field(repr=False)
    instance_url: str
    user_id: str | None = None


_REMEDIES = {
    "invalid_client": "the connected app doesn't know this client id or secret; check both variables",
    "invalid_client_id": "the org knows no connected app of this id; check the variable and the address",
    "invalid_grant": "the app isn't approved for this user, or key or user name are wrong",
    "inactive_user": "the user is inactive; activate it",
    "inactive_org": "the org is inactive or being refreshed; try again when it is up",
    "unsupported_grant_type": "the connected app doesn't allow this flow; enable it there",
    "invalid_app_access": "the user may not use this connected app; assign it",
}


def log_in(settings: EnvironmentSettings, post: Post) -> Grant:
    """Raises DestinationLoginFailed; ``post`` sends a form without a token and has its own retries."""
    base = resolve(settings.instance_url).rstrip("/")
    if not base.startswith("https://"):
        raise ConfigurationError("salesforce instance_url must begin with https://; mend the setting")
    match settings.auth:
        case AccessToken() as auth:
            return Grant(resolve(auth.token), base)
        case ClientCredentials() as auth:
            form = {
                "grant_type": "client_credentials",
                "client_id": resolve(auth.client_id),
                "client_secret": resolve(auth.client_secret),
            }
        case JwtBearer() as auth:
            form = {
                "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
                "assertion": _assertion(auth),
            }
    return _granted(settings, base, post(base + TOKEN_PATH, form))


def _granted(settings: EnvironmentSettings, base: str, response: Response) -> Grant:
    try:
        body = response.json()
    except ValueError:
        body = None
    if response.status_code in (400, 401, 403):
        code, _ = request_error(body)
        remedy = _REMEDIES.get(code, "check the connected app, its policies and the variables of the login")
        raise DestinationLoginFailed(
            f"Salesforce refused the {settings.auth.flow} login ({code}): {remedy} "
            f"({_variables(settings.auth)})"
        )
    if response.status_code != 200 or not isinstance(body, dict) or not body.get("access_token"):
        raise DestinationError(
            f"Salesforce's token endpoint answered {response.status_code} without a token; "
            "check that instance_url is the org's My Domain address"
        )
    instance = str(body.get("instance_url") or base).rstrip("/")
    # The identity URL ends with the user's id; asking for it otherwise needs a scope that the app may lack.
    user_id = str(body.get("id") or "").rpartition("/")[2] or None
    return Grant(str(body["access_token"]), instance if instance.startswith("https://") else base, user_id)


def _variables(auth: Auth) -> str:
    """Names of the environment variables that the login is made of."""
    return ", ".join(value.env for _, value in auth if isinstance(value, EnvReference))


def _assertion(auth: JwtBearer) -> str:
    import jwt

    claims = {
        "iss": resolve(auth.client_id),
        "sub": resolve(auth.username),
        "aud": auth.audience,
        "exp": int(time.time()) + _ASSERTION_SECONDS,
    }
    try:
        return jwt.encode(claims, resolve(auth.private_key), algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError):
        raise ConfigurationError(
            f"environment variable {auth.private_key.env} holds no RSA private key in PEM form; "
            "put the whole key there, line breaks included"
        ) from None
