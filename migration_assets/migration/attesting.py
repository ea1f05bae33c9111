"""Who acts, as far as the machine knows: what an entry of the audit log says beside a name that was given."""

from __future__ import annotations

import os
from getpass import getuser
from socket import gethostname


def here() -> dict[str, str]:
    """``os_user`` and ``host`` of this process."""
    return {"os_user": os_user(), "host": gethostname()}


def os_user() -> str:
    """A container's user may have no name: its number then."""
    try:
        return getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
