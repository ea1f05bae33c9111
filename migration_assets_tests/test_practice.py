"""A practice's file: what stands in it, and what is said of one that can't be used."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from zoneinfo import ZoneInfo

import pytest

from migration_assets.destinations.salesforce.settings import SalesforceSettings
from migration_assets.errors import ConfigurationError
from migration_assets.panda.settings import SourceSettings
from migration_assets.practice import EnvReference, PracticeRegistry

WHOLE = dedent("""\
    practice: maple
    name: Maple Periodontics
    time_zone: America/New_York
    encryption_key: {env: MAPLE_KEY}
    policies:
      reject_limit: 0.05
    source:
      server: 127.0.0.1
      database: PANDA
      username: reader
      password: {env: MAPLE_PASSWORD}
    destinations:
      salesforce:
        environments:
          rehearsal:
            instance_url: https://maple.my.salesforce.com
            auth:
              flow: client_credentials
              client_id: {env: SF_ID}
              client_secret: {env: SF_SECRET}
          live:
            instance_url: {env: SF_URL}
            auth:
              flow: jwt
              client_id: {env: SF_ID}
              username: maple@example.org
              private_key: {env: SF_KEY}
    """)


@pytest.fixture
def registry(tmp_path: Path) -> PracticeRegistry:
    return PracticeRegistry(tmp_path, SourceSettings, {"salesforce": SalesforceSettings})


def refusal(registry: PracticeRegistry, old: str, new: str, *, file: str = "maple.yaml") -> str:
    """What is said of the whole file with ``old`` replaced by ``new``."""
    assert WHOLE.count(old) >= 1
    (registry.directory / file).write_text(WHOLE.replace(old, new, 1), encoding="utf-8")
    scan = registry.scan()
    assert list(scan.practices) == []
    return scan.problems[file]


def test_a_practice_is_read_with_its_source_and_destinations(registry: PracticeRegistry) -> None:
    (registry.directory / "maple.yaml").write_text(WHOLE, encoding="utf-8")

    practice = registry.load("maple")

    assert (practice.key, practice.name) == ("maple", "Maple Periodontics")
    assert practice.time_zone == ZoneInfo("America/New_York")
    assert practice.policies.reject_limit == 0.05
    assert practice.policies.on_bad_tooth == "load_flagged"
    assert isinstance(practice.source, SourceSettings)
    assert isinstance(practice.destinations["salesforce"], SalesforceSettings)


def test_one_bad_file_doesnt_hide_the_good_ones(registry: PracticeRegistry) -> None:
    (registry.directory / "maple.yaml").write_text(WHOLE, encoding="utf-8")
    (registry.directory / "oak.yaml").write_text("practice: oak\n", encoding="utf-8")
    (registry.directory / "notes.txt").write_text("no practice", encoding="utf-8")

    scan = registry.scan()

    assert list(scan.practices) == ["maple"]
    assert list(scan.problems) == ["oak.yaml"]


def test_a_changed_file_is_seen_at_the_next_reading(registry: PracticeRegistry) -> None:
    path = registry.directory / "maple.yaml"
    path.write_text(WHOLE, encoding="utf-8")
    registry.load("maple")
    path.write_text(WHOLE.replace("Maple P", "New P"), encoding="utf-8")

    assert registry.load("maple").name == "New Periodontics"


def test_an_empty_folder_has_no_practices(registry: PracticeRegistry) -> None:
    assert registry.scan().practices == {}
    assert PracticeRegistry(registry.directory / "none", SourceSettings, {}).scan().practices == {}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "time_zone: America/New_York",
            "time_zone: New York",
            "line 3, key 'time_zone': is no IANA time zone such as America/New_York; mend the value",
        ),
        (
            "practice: maple",
            "practice: oak",
            "line 1, key 'practice': differs from the file's name; name the file oak.yaml",
        ),
        ("practice: maple", "practice: Maple!", "line 1, key 'practice': must be 1 to 63 of a-z"),
        ("practice: maple", "practice: [maple]", "line 1, key 'practice': Input should be a valid string"),
        (
            "name: Maple",
            "nickname: M\nname: Maple",
            "line 2, key 'nickname': is not a known key; known here: ",
        ),
        ("name: Maple Periodontics\n", "", "line 1, key 'name': is missing; add it"),
        ("name: Maple Periodontics", "name: ''", "line 2, key 'name': String should have at least 1"),
        ("name: Maple", "practice: maple\nname: Maple", "line 2, key 'practice': stands twice; keep one"),
        (
            "reject_limit: 0.05",
            "reject_limit: 5",
            "line 6, key 'policies.reject_limit': Input should be less",
        ),
        (
            "reject_limit: 0.05",
            "on_bad_teeth: hold",
            "line 6, key 'policies.on_bad_teeth': is not a known key",
        ),
        ("database: PANDA", "data_base: PANDA", "line 7, key 'source.database': is missing; add it"),
        (
            "  salesforce:\n",
            "  hubspot:\n",
            "line 13, key 'destinations.hubspot': is not a known destination; known: salesforce",
        ),
        (
            "instance_url: https://maple",
            "instance_url: http://maple",
            "line 16, key 'destinations.salesforce.environments.rehearsal.instance_url': must begin with https://",
        ),
        (
            "flow: client_credentials",
            "flow: password",
            "line 17, key 'destinations.salesforce.environments.rehearsal.auth': 'flow' is none of "
            "'client_credentials', 'jwt', 'access_token'; mend it",
        ),
        (
            "client_secret: {env: SF_SECRET}",
            "secret: {env: SF_SECRET}",
            "line 17, key 'destinations.salesforce.environments.rehearsal.auth.client_secret': "
            "is missing; add it",
        ),
        (
            "username: maple@example.org",
            "user: maple@example.org",
            "line 23, key 'destinations.salesforce.environments.live.auth.username': is missing; add it",
        ),
        (
            "      live:\n",
            "      live:\n        colour: red\n",
            "line 22, key 'destinations.salesforce.environments.live.colour': is not a known key; "
            "known here: account_relations, activity_field_limit, api_version, audit_fields,",
        ),
        (
            "  salesforce:\n",
            "  salesforce:\n    bulk: {}\n",
            "line 14, key 'destinations.salesforce.bulk': is not a known key; known here: environments",
        ),
    ],
)
def test_a_mistake_is_named_with_file_line_key_and_remedy(
    registry: PracticeRegistry, old: str, new: str, message: str
) -> None:
    complaints = refusal(registry, old, new).splitlines()

    assert any(complaint.startswith(f"maple.yaml, {message}") for complaint in complaints), complaints


@pytest.mark.parametrize(
    ("old", "line", "key"),
    [
        ("encryption_key: {env: MAPLE_KEY}", 4, "encryption_key"),
        ("password: {env: MAPLE_PASSWORD}", 11, "source.password"),
        (
            "client_secret: {env: SF_SECRET}",
            20,
            "destinations.salesforce.environments.rehearsal.auth.client_secret",
        ),
    ],
)
@pytest.mark.parametrize("secret", ["hunter2", "'hunter2'", "{env: hunter2}", "*hunter2", "[hunter2]"])
def test_a_secret_in_the_file_is_refused_and_never_quoted(
    registry: PracticeRegistry, old: str, line: int, key: str, secret: str
) -> None:
    complaint = refusal(registry, old, f"{old.partition(':')[0]}: {secret}")

    assert "hunter2" not in complaint
    assert complaint.startswith(f"maple.yaml, line {line}")
    if "*" not in secret:
        assert f"key '{key}" in complaint


def test_a_secret_as_plain_text_says_where_it_belongs(registry: PracticeRegistry) -> None:
    complaint = refusal(registry, "password: {env: MAPLE_PASSWORD}", "password: hunter2")

    assert "write {env: NAME} and set that variable" in complaint


def test_a_file_that_isnt_utf_8_is_named(registry: PracticeRegistry) -> None:
    (registry.directory / "maple.yaml").write_bytes(WHOLE.replace("Maple P", "Mäple P").encode("latin-1"))

    assert "save it as UTF-8" in registry.scan().problems["maple.yaml"]


def test_a_file_of_another_ending_says_how_it_should_be_named(registry: PracticeRegistry) -> None:
    assert "name the file maple.yaml" in refusal(registry, "maple", "maple", file="maple.yml")


@pytest.mark.parametrize("key", ["../maple", "Maple", "", "a" * 64, "ma,ple"])
def test_a_key_that_cant_be_a_partition_is_refused_before_any_file_is_read(
    registry: PracticeRegistry, key: str
) -> None:
    with pytest.raises(ConfigurationError, match="a practice's key is 1 to 63"):
        registry.load(key)


def test_a_practice_without_a_file_is_named(registry: PracticeRegistry) -> None:
    with pytest.raises(ConfigurationError, match=r"oak\.yaml: there is no such file; create it"):
        registry.load("oak")


def test_a_reference_gives_the_variables_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPLE_KEY", "secret")

    assert EnvReference(env="MAPLE_KEY").value() == "secret"


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_isnt_set_is_named(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("MAPLE_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("MAPLE_KEY", value)

    with pytest.raises(ConfigurationError, match=r"environment variable MAPLE_KEY is not set.* set it where"):
        EnvReference(env="MAPLE_KEY").value()
