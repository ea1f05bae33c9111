"""A process of its own that makes calls of an account: ``python -m ...rate_worker SETTINGS CALLS``.

The settings come as JSON; it says ``ready`` and begins when its standard input is closed.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

from migration_assets.destinations.freshsales.client import FreshsalesClient
from migration_assets.destinations.freshsales.settings import EnvironmentSettings


def main() -> None:
    settings = EnvironmentSettings.model_validate_json(sys.argv[1])
    client = FreshsalesClient(settings)
    print("ready", flush=True)
    sys.stdin.read()
    with ThreadPoolExecutor(settings.calls_at_once) as pool:
        for answer in pool.map(lambda _: client.get("selector/currencies"), range(int(sys.argv[2]))):
            assert answer
    client.close()


if __name__ == "__main__":
    main()
