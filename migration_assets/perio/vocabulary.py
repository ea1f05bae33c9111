"""Closed lists of words that a periodontal record uses, and nothing that computes."""

from __future__ import annotations

from types import MappingProxyType

TOOTH_STATUSES = (
    "present",
    "missing",
    "implant",
    "pontic",
    "crown",
    "unerupted",
    "impacted",
    "primary",
)
"""What stands at a tooth's place, lower case, as charts of comparable systems record it."""

SEXES = MappingProxyType(
    {
        "M": "M",
        "MALE": "M",
        "F": "F",
        "FEMALE": "F",
        "X": "X",
        "U": "U",
        "UNKNOWN": "U",
    }
)
"""Upper-case spelling -> male M, female F, neither X, unknown U."""

PLAN_STATUSES = MappingProxyType(
    {
        "PROPOSED": "proposed",
        "ACCEPTED": "accepted",
        "IN PROGRESS": "in-progress",
        "INPROGRESS": "in-progress",
        "COMPLETED": "completed",
        "COMPLETE": "completed",
        "DECLINED": "declined",
    }
)
"""Upper-case spelling, hyphens and underscores as blanks -> how far a treatment plan has come."""
