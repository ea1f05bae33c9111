"""Routes that need no session or make one: token, userinfo, and the SOAP login that is refused."""

import time

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from migration_sandbox.salesforce.auth import SCOPE, OAuthError, identity_url
from migration_sandbox.salesforce.web import Call, Site, answer, endpoint, form, usage

LOGIN_FAULT = """<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
xmlns:sf="urn:fault.partner.soap.sforce.com">
<soapenv:Body><soapenv:Fault><faultcode>sf:INVALID_OPERATION</faultcode> <faultstring>INVALID_OPERATION:
SOAP API login() is disabled in this org.</faultstring>
<detail><sf:LoginFault><sf:exceptionCode>INVALID_OPERATION</sf:exceptionCode> <sf:exceptionMessage>SOAP API
login() is disabled in this org.</sf:exceptionMessage></sf:LoginFault></detail>
</soapenv:Fault></soapenv:Body></soapenv:Envelope>"""


def _userinfo(call: Call) -> Response:
    org = call.site.org
    user = (
        org.tables["User"]
        .scan(["Id", "Name", "Email", "Username", "FirstName", "LastName"])
        .row(0, named=True)
    )
    return answer(
        {
            "sub": identity_url(call.base, org),
            "user_id": user["Id"],
            "organization_id": org.org_id,
            "preferred_username": user["Username"],
            "nickname": user["Username"].partition("@")[0],
            "name": user["Name"],
            "email": user["Email"],
            "email_verified": True,
            "given_name": user["FirstName"],
            "family_name": user["LastName"],
            "zoneinfo": "America/New_York",
            "active": True,
            "user_type": "STANDARD",
            "language": "en_US",
            "locale": "en_US",
            "utcOffset": -18000000,
            "is_app_installed": True,
            "urls": {
                "rest": f"{call.base}/services/data/v{{version}}/",
                "metadata": f"{call.base}/services/Soap/m/{{version}}/",
                "sobjects": f"{call.base}/services/data/v{{version}}/sobjects/",
                "query": f"{call.base}/services/data/v{{version}}/query/",
                "custom_domain": call.base,
            },
        }
    )


def routes(site: Site) -> list[Route]:
    async def token(request: Request) -> Response:
        base = str(request.base_url).rstrip("/")
        try:
            made = site.sessions.grant(form(await request.body()), request.headers.get("authorization"))
        except OAuthError as error:
            return answer({"error": error.error, "error_description": error.description}, 400, usage(site))
        issued = str(int(time.time() * 1000))
        identity = identity_url(base, site.org)
        value = {
            "access_token": made, "signature": site.sessions.signature(identity, issued), "scope": SCOPE,
            "instance_url": base, "id": identity, "token_type": "Bearer", "issued_at": issued,
        }  # fmt: skip
        return answer(value, 200, usage(site) | {"Cache-Control": "no-cache, no-store"})

    async def login(_request: Request) -> Response:
        return Response(LOGIN_FAULT, 500, usage(site), media_type="text/xml")

    return [
        Route("/services/oauth2/token", token, methods=["POST"]),
        Route("/services/oauth2/userinfo", endpoint(site, _userinfo), methods=["GET", "POST"]),
        Route("/services/Soap/u/{version}", login, methods=["POST"]),
        Route("/services/Soap/u/{version}/{rest:path}", login, methods=["POST"]),
        Route("/services/Soap/c/{version}", login, methods=["POST"]),
    ]
