"""`python -m migration_sandbox.freshsales`: serve one account on 127.0.0.1.

The first user's key comes from FRESHSALES_SANDBOX_API_KEY; without FRESHSALES_SANDBOX_CONTROL_TOKEN,
/sandbox/... answers 404. `--status-file` is written once the socket listens: {"url", "ca", "pid"}.
"""

import os
import sys

from migration_sandbox.freshsales.account import Account
from migration_sandbox.freshsales.app import build
from migration_sandbox.freshsales.settings import PLANS, Settings
from migration_sandbox.serving.process import log_to_stderr, options, serve


def main() -> None:
    parser = options("migration_sandbox.freshsales")
    parser.add_argument("--plan", choices=sorted(PLANS), default="enterprise", help="of a new account")
    given = parser.parse_args()
    key = os.environ.get("FRESHSALES_SANDBOX_API_KEY", "")
    if not key:
        sys.exit("FRESHSALES_SANDBOX_API_KEY is not set")
    log_to_stderr()
    account = Account(given.directory, Settings(plan=given.plan))
    serve(build(account, key, os.environ.get("FRESHSALES_SANDBOX_CONTROL_TOKEN", "")), given)


if __name__ == "__main__":
    main()
