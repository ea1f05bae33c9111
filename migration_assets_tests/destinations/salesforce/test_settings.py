"""What a practice's file may say about its orgs."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from migration_assets.destinations.salesforce.destination import connect
from migration_assets.destinations.salesforce.settings import (
    EnvironmentSettings,
    JwtBearer,
    SalesforceSettings,
)

CREDENTIALS = {"flow": "client_credentials", "client_id": {"env": "ID"}, "client_secret": {"env": "SECRET"}}


def environment(**changes: Any) -> dict[str, Any]:
    return {"instance_url": "https://maple.my.salesforce.com", "auth": CREDENTIALS} | changes


def test_live_may_be_left_out_until_it_is_needed() -> None:
    read = SalesforceSettings.model_validate({"environments": {"rehearsal": environment()}})
    assert read.environments.live is None
    assert read.environments.rehearsal.chart_layout == "wide"
    assert read.environments.rehearsal.fields_left_free == 25


def test_the_flow_chooses_the_login() -> None:
    auth = {
        "flow": "jwt",
        "client_id": {"env": "ID"},
        "username": "a@b.example",
        "private_key": {"env": "PEM"},
    }
    assert isinstance(EnvironmentSettings.model_validate(environment(auth=auth)).auth, JwtBearer)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"auth": CREDENTIALS | {"client_secret": "hunter2"}}, "a secret doesn't stand in a file"),
        ({"instance_url": "http://maple.my.salesforce.com"}, "must begin with https"),
        ({"chart_layout": "tall"}, "per_tooth"),
        ({"api_version": "v66"}, "pattern"),
        ({"timeout": 3}, "Extra inputs"),
    ],
)
def test_what_can_not_be_used_is_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint) as refused:
        EnvironmentSettings.model_validate(environment(**changes))
    assert "hunter2" not in str(refused.value)


def test_connecting_needs_neither_network_nor_secrets() -> None:
    assert connect(EnvironmentSettings.model_validate(environment())).name == "salesforce"


def test_importing_the_destination_loads_no_heavy_library() -> None:
    heavy = "{'simple_salesforce', 'zeep', 'jwt', 'lxml'}"
    code = (
        f"import sys, migration_assets.destinations.salesforce.destination; print({heavy} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
