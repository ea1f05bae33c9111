"""Logging in and staying logged in, against a running org."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import requests

from migration_assets.destinations.salesforce.destination import SalesforceDestination, connect
from migration_assets.errors import (
    ConfigurationError,
    DestinationLimitReached,
    DestinationLoginFailed,
    DestinationUnreachable,
)
from migration_assets_tests.destinations.salesforce.conftest import CLIENT_CREDENTIALS, Connect, settings_for
from migration_sandbox.salesforce.control import Control
from migration_sandbox.salesforce.launch import SalesforceSandbox

TOKEN = {"flow": "access_token", "token": {"env": "TEST_SF_TOKEN"}}
JWT = {
    "flow": "jwt",
    "client_id": {"env": "TEST_SF_CLIENT_ID"},
    "username": "migration@sandbox.example",
    "private_key": {"env": "TEST_SF_PRIVATE_KEY"},
}


@pytest.fixture(autouse=True)
def _empty_org(control: Control) -> None:
    control.reset()


@pytest.mark.parametrize("auth", [CLIENT_CREDENTIALS, JWT, TOKEN], ids=lambda auth: auth["flow"])
def test_every_flow_reaches_the_same_org(
    connected: Connect, auth: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_SF_TOKEN", connected()._session.http.grant.token)
    identity = connected(auth=auth).identity()
    assert identity.organization_id.startswith("00D")
    assert not identity.is_sandbox
    assert identity == connected().identity()


def test_a_wrong_secret_is_a_failed_login_that_names_no_secret(
    connected: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_SF_CLIENT_SECRET", "wrong-secret")
    with pytest.raises(DestinationLoginFailed, match="invalid_client") as failed:
        connected().identity()
    assert "wrong-secret" not in str(failed.value)


def test_a_user_that_never_approved_the_app_is_a_failed_login(connected: Connect) -> None:
    with pytest.raises(DestinationLoginFailed, match="isn't approved"):
        connected(auth=JWT | {"username": "somebody@else.example"}).identity()


def test_a_key_that_is_no_key_is_a_mistake_of_configuration(
    connected: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_SF_PRIVATE_KEY", "not a key")
    with pytest.raises(ConfigurationError, match="TEST_SF_PRIVATE_KEY"):
        connected(auth=JWT).identity()


def test_a_missing_variable_is_named(connected: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_SF_CLIENT_ID")
    with pytest.raises(ConfigurationError, match="TEST_SF_CLIENT_ID"):
        connected().identity()


def test_a_token_that_expires_on_the_way_is_renewed(org: SalesforceDestination, control: Control) -> None:
    first = org.identity()
    control.expire_tokens()
    assert org.identity() == first


def test_a_token_that_can_not_be_renewed_says_where_a_new_one_goes(
    connected: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_SF_TOKEN", "a-token-that-has-expired")
    with pytest.raises(DestinationLoginFailed, match="TEST_SF_TOKEN"):
        connected(auth=TOKEN).identity()


def test_an_org_that_is_not_there_is_unreachable(sandbox: SalesforceSandbox) -> None:
    destination = connect(settings_for(sandbox, instance_url="https://127.0.0.1:9", retry_attempts=2))
    with pytest.raises(DestinationUnreachable, match="instance_url"):
        destination.identity()


def test_a_certificate_of_an_unknown_authority_is_refused(connected: Connect) -> None:
    with pytest.raises(DestinationUnreachable, match="ca_bundle"):
        connected(ca_bundle=None).identity()


def test_the_bundle_of_the_settings_wins_over_the_environments(
    connected: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    assert connected().identity().organization_id


def test_a_busy_org_is_asked_again(org: SalesforceDestination, control: Control) -> None:
    control.fault("unavailable", count=2, method="GET", path="/query")
    assert org.identity().organization_id


def test_a_connection_that_breaks_is_made_again(org: SalesforceDestination, control: Control) -> None:
    held = control.hold("GET", "/query")

    def drop() -> None:
        held.wait()
        held.drop()

    dropping = threading.Thread(target=drop)
    dropping.start()
    assert org.identity().organization_id
    dropping.join()
    assert held.state == "dropped"


def test_a_connection_that_is_cut_within_tls_is_made_again_and_no_certificate_is_blamed(
    org: SalesforceDestination, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound, cut = requests.Session.request, iter([True])

    def request(*arguments: Any, **named: Any) -> requests.Response:
        if next(cut, False):
            raise requests.exceptions.SSLError("[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred")
        return sound(*arguments, **named)

    monkeypatch.setattr(requests.Session, "request", request)

    assert org.identity().organization_id
    assert next(cut, None) is None


def test_an_org_that_stays_silent_is_given_up(connected: Connect, control: Control) -> None:
    control.hold("GET", "/query")
    destination = connected(read_timeout=0.3, retry_attempts=1)
    with pytest.raises(DestinationUnreachable, match="ReadTimeout"):
        destination.identity()


def test_a_used_up_quota_stops_with_its_own_error(connected: Connect, control: Control) -> None:
    control.fault("limit", count=10, path="/query")
    with pytest.raises(DestinationLimitReached, match="REQUEST_LIMIT_EXCEEDED"):
        connected(retry_attempts=3).identity()


def test_the_orgs_count_of_requests_is_kept(org: SalesforceDestination) -> None:
    assert org.api_usage is None
    org.identity()
    assert org.api_usage is not None
    assert 0 < org.api_usage[0] <= org.api_usage[1]
