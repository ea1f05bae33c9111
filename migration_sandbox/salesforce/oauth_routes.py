"""Routes about sessions: token, revoke, who one is (userinfo, identity), and the logins that are refused."""

import time
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from migration_sandbox.salesforce.auth import SCOPE, OAuthError, identity_url
from migration_sandbox.salesforce.errors import not_found
from migration_sandbox.salesforce.web import (
    Call,
    Endpoint,
    Handler,
    Site,
    answer,
    endpoint,
    form,
    usage,
)

LOGIN_FAULT = """<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
xmlns:sf="urn:fault.partner.soap.sforce.com">
<soapenv:Body><soapenv:Fault><faultcode>sf:INVALID_OPERATION</faultcode> <faultstring>INVALID_OPERATION:
SOAP API login() is disabled in this org.</faultstring>
<detail><sf:LoginFault><sf:exceptionCode>INVALID_OPERATION</sf:exceptionCode> <sf:exceptionMessage>SOAP API
login() is disabled in this org.</sf:exceptionMessage></sf:LoginFault></detail>
</soapenv:Fault></soapenv:Body></soapenv:Envelope>"""


def _user(site: Site) -> dict[str, Any]:
    columns = ["Id", "Name", "Email", "Username", "FirstName", "LastName", "LocaleSidKey", "TimeZoneSidKey"]
    users = site.org.tables["User"].scan(columns)
    return users.filter(pl.col("Id") == site.org.user_id).row(0, named=True)


def _urls(base: str) -> dict[str, str]:
    soap = f"{base}/services/Soap"
    rest = f"{base}/services/data/v{{version}}/"
    return {
        "enterprise": f"{soap}/c/{{version}}/", "metadata": f"{soap}/m/{{version}}/",
        "partner": f"{soap}/u/{{version}}/", "rest": rest, "sobjects": f"{rest}sobjects/",
        "search": f"{rest}search/", "query": f"{rest}query/", "recent": f"{rest}recent/",
        "tooling_rest": f"{rest}tooling/", "custom_domain": base,
    }  # fmt: skip


def _offset(zone: str) -> int:
    """The zone's standard offset from UTC in milliseconds."""
    offset = datetime(2026, 1, 1, tzinfo=ZoneInfo(zone)).utcoffset()
    return int(offset.total_seconds() * 1000) if offset is not None else 0


def _userinfo(call: Call) -> Response:
    org = call.site.org
    user = _user(call.site)
    return answer(
        {
            "sub": identity_url(call.base, org), "user_id": user["Id"], "organization_id": org.org_id,
            "preferred_username": user["Username"], "nickname": user["Username"].partition("@")[0],
            "name": user["Name"], "email": user["Email"], "email_verified": True,
            "given_name": user["FirstName"], "family_name": user["LastName"],
            "zoneinfo": user["TimeZoneSidKey"], "active": True, "user_type": "STANDARD", "language": "en_US",
            "locale": user["LocaleSidKey"], "utcOffset": _offset(user["TimeZoneSidKey"]),
            "is_app_installed": True, "photos": {}, "urls": _urls(call.base),
        }
    )  # fmt: skip


def _identity(call: Call) -> Response:
    org = call.site.org
    user = _user(call.site)
    if call.path["org"][:15] != org.org_id[:15] or call.path["user"][:15] != user["Id"][:15]:
        raise not_found()
    return answer(
        {
            "id": identity_url(call.base, org), "asserted_user": True, "user_id": user["Id"],
            "organization_id": org.org_id, "username": user["Username"],
            "nick_name": user["Username"].partition("@")[0], "display_name": user["Name"],
            "email": user["Email"], "email_verified": True, "first_name": user["FirstName"],
            "last_name": user["LastName"], "timezone": user["TimeZoneSidKey"], "photos": {},
            "mobile_phone": None, "mobile_phone_verified": False, "is_lightning_login_user": False,
            "status": {"created_date": None, "body": None}, "urls": _urls(call.base), "active": True,
            "user_type": "STANDARD", "language": "en_US", "locale": user["LocaleSidKey"],
            "utcOffset": _offset(user["TimeZoneSidKey"]), "is_app_installed": True,
        }
    )  # fmt: skip


def _asserted(site: Site, handler: Handler) -> Endpoint:
    """A route of the identity service, which has words of its own for a token that is no good."""
    serve = endpoint(site, handler)

    async def asserted(request: Request) -> Response:
        response = await serve(request)
        if response.status_code == 401:
            return Response("Bad_OAuth_Token", 403, usage(site), media_type="text/plain")
        return response

    return asserted


def routes(site: Site) -> list[Route]:
    async def token(request: Request) -> Response:
        base = str(request.base_url).rstrip("/")
        try:
            given = form(await request.body())
            made = site.sessions.grant(given, request.headers.get("authorization"), base)
        except OAuthError as error:
            return answer({"error": error.error, "error_description": error.description}, 400, usage(site))
        issued = str(int(time.time() * 1000))
        identity = identity_url(base, site.org)
        value = {
            "access_token": made, "signature": site.sessions.signature(identity, issued), "scope": SCOPE,
            "instance_url": base, "id": identity, "token_type": "Bearer", "issued_at": issued,
        }  # fmt: skip
        return answer(value, 200, usage(site) | {"Cache-Control": "no-cache, no-store"})

    async def revoke(request: Request) -> Response:
        given = form(await request.body()) | dict(request.query_params)
        if not site.sessions.revoke(given.get("token", "")):
            told = {"error": "invalid_token", "error_description": "invalid token"}
            return answer(told, 400, usage(site))
        return Response(status_code=200, headers=usage(site))

    async def authorize(_request: Request) -> Response:
        text = "flows that need a browser (with PKCE or without) are not part of this sandbox"
        told = {"error": "unsupported_response_type", "error_description": text}
        return answer(told, 400, usage(site))

    async def login(_request: Request) -> Response:
        return Response(LOGIN_FAULT, 500, usage(site), media_type="text/xml")

    return [
        Route("/services/oauth2/token", token, methods=["POST"]),
        Route("/services/oauth2/userinfo", _asserted(site, _userinfo), methods=["GET", "POST"]),
        Route("/services/oauth2/revoke", revoke, methods=["GET", "POST"]),
        Route("/services/oauth2/authorize", authorize, methods=["GET", "POST"]),
        Route("/services/oauth2/device/code", authorize, methods=["POST"]),
        Route("/id/{org}/{user}", _asserted(site, _identity), methods=["GET", "POST"]),
        Route("/services/Soap/u/{version}", login, methods=["POST"]),
        Route("/services/Soap/u/{version}/{rest:path}", login, methods=["POST"]),
        Route("/services/Soap/c/{version}", login, methods=["POST"]),
    ]
