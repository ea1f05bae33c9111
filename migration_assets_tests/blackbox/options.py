"""What the command is told: on its line, in a JSON file or in the environment, in this order."""

import argparse
import json
import os
from pathlib import Path
from typing import Any

from migration_assets_tests.blackbox.freshsales.derived import SHARED_EMAILS
from migration_assets_tests.blackbox.households import ACCOUNTS
from migration_assets_tests.blackbox.records import GROUPS

DESTINATIONS = ("salesforce", "freshsales")
_SWITCH = ("off", "on")
_TEXTS = (
    *("odbc", "ca", "practice", "practice-name", "zone", "expect-manifest", "default-owner"),
    *("instance-url", "token", "client-id", "client-secret", "bundle-url", "api-key"),
)
_CHOICES = {
    "destination": (DESTINATIONS, "what is compared with the database (default: salesforce)"),
    "accounts": (ACCOUNTS, "what the practice hangs its patients on (default: practice)"),
    "account-relations": (
        _SWITCH,
        "whether contacts are tied to more accounts than their own (default: off)",
    ),
    "shared-emails": (SHARED_EMAILS, "what becomes of an address that several people have"),
    "several-practices": (_SWITCH, "whether other practices' records are in the account, too (default: off)"),
    "modules": (_SWITCH[::-1], "whether the account has the module of plan lines (default: on)"),
}
"""Option -> its values, the first of which it has where nobody says another, and what it is."""


def odbc_from_pieces(environment: dict[str, str]) -> str:
    """An ODBC connection string of every ``BLACKBOX_ODBC_*`` variable, each value in braces."""
    pieces = {
        name.removeprefix("BLACKBOX_ODBC_"): value
        for name, value in environment.items()
        if name.startswith("BLACKBOX_ODBC_")
    }
    return ";".join(f"{name}={{{value.replace('}', '}}')}}}" for name, value in sorted(pieces.items()))


def options(arguments: list[str], description: str | None = None) -> argparse.Namespace:
    """Exits with status 2 where something is missing or unknown."""
    parser = _parser(description)
    chosen = parser.parse_args(arguments)
    configured = json.loads(chosen.config.read_text(encoding="utf-8")) if chosen.config else {}
    for option in _TEXTS:
        _fill(chosen, configured, option, None)
    for option, (values, _) in _CHOICES.items():
        _fill(chosen, configured, option, values[0])
        if getattr(chosen, option.replace("-", "_")) not in values:
            parser.error(f"no such choice of {option}; there are {', '.join(values)}")
    if chosen.objects is None:
        said = configured.get("objects", os.environ.get("BLACKBOX_OBJECTS", " ".join(GROUPS)).split())
        if unknown := set(said) - set(GROUPS):
            parser.error(f"no such objects: {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
        chosen.objects = said
    shares = chosen.file_share or configured.get("file_share") or [os.environ.get("BLACKBOX_FILE_SHARE", "")]
    pairs = [each.partition("=") for each in shares if each]
    if not all(prefix and folder for prefix, _, folder in pairs):
        parser.error("a file share is PREFIX=FOLDER")
    chosen.file_share = {prefix: folder for prefix, _, folder in pairs}
    chosen.odbc = chosen.odbc or odbc_from_pieces(dict(os.environ))
    if missing := _missing(chosen):
        parser.error(f"missing: {', '.join(missing)}")
    return chosen


def _parser(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, help="JSON file of options")
    for option in _TEXTS:
        parser.add_argument(f"--{option}")
    for option, (values, told) in _CHOICES.items():
        parser.add_argument(f"--{option}", choices=values, help=told)
    parser.add_argument(
        "--other-kinds", nargs="*", default=[], help="kinds of keys that are not compared, such as provider"
    )
    parser.add_argument(
        "--objects",
        nargs="*",
        choices=GROUPS,
        help="of an org, compared beyond people, exams, charts and plans "
        f"(default: {' '.join(GROUPS)}); an account is always compared as a whole",
    )
    parser.add_argument(
        "--file-share",
        action="append",
        metavar="PREFIX=FOLDER",
        help="where paths that begin so are mounted; may be repeated (BLACKBOX_FILE_SHARE: one alone)",
    )
    parser.add_argument("--show-values", action="store_true")
    return parser


def _fill(chosen: argparse.Namespace, configured: dict[str, Any], option: str, otherwise: str | None) -> None:
    name = option.replace("-", "_")
    if getattr(chosen, name) is None:
        told = configured.get(name) or os.environ.get(f"BLACKBOX_{name.upper()}")
        setattr(chosen, name, told or otherwise)


def _missing(chosen: argparse.Namespace) -> list[str]:
    address = "instance_url" if chosen.destination == "salesforce" else "bundle_url"
    missing = [name for name in ("odbc", address, "practice") if not getattr(chosen, name)]
    if chosen.destination == "freshsales":
        return missing + ([] if chosen.api_key else ["the account's key"])
    signed_in = chosen.token or (chosen.client_id and chosen.client_secret)
    return missing + ([] if signed_in else ["a token, or a client id and its secret"])
