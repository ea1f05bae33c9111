"""`python -m migration_sandbox.salesforce`: serve one org on 127.0.0.1.

The client id and secret come from SALESFORCE_SANDBOX_CLIENT_ID and SALESFORCE_SANDBOX_CLIENT_SECRET; optional
are SALESFORCE_SANDBOX_ACCESS_TOKEN (a fixed token), SALESFORCE_SANDBOX_JWT_PUBLIC_KEY_FILE and
SALESFORCE_SANDBOX_CONTROL_TOKEN (without it, /sandbox/... answers 404). `--status-file` is written once the
socket listens: {"url", "ca", "pid"}.
"""

import os

from migration_sandbox.salesforce.app import build
from migration_sandbox.salesforce.auth import Credentials
from migration_sandbox.salesforce.org import Org
from migration_sandbox.salesforce.settings import CUSTOM_FIELDS, Settings
from migration_sandbox.serving.process import log_to_stderr, options, serve


def main() -> None:
    parser = options("migration_sandbox.salesforce")
    parser.add_argument("--edition", choices=sorted(CUSTOM_FIELDS), default="enterprise", help="of a new org")
    parser.add_argument(
        "--sandbox-org", choices=("true", "false"), default="false", help="IsSandbox of a new org"
    )
    given = parser.parse_args()
    log_to_stderr()
    settings = Settings(edition=given.edition, sandbox_org=given.sandbox_org == "true")
    org = Org(given.directory, settings)
    gate = build(org, Credentials.from_environment(), os.environ.get("SALESFORCE_SANDBOX_CONTROL_TOKEN", ""))
    serve(gate, given)


if __name__ == "__main__":
    main()
