"""A distribution as it is shown: p50, p95 and the longest, by nearest rank."""

from __future__ import annotations

import math
from collections.abc import Iterable


def spread(seconds: Iterable[float]) -> dict[str, float]:
    """Empty where there is nothing."""
    found = sorted(seconds)
    if not found:
        return {}
    rank = {"p50": 0.5, "p95": 0.95, "max": 1.0}
    told = {name: round(found[math.ceil(share * len(found)) - 1], 1) for name, share in rank.items()}
    return {"records": len(found), **told}
