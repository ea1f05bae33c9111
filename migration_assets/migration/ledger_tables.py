"""Tables of the ledger's database (SQLAlchemy Core): append-only, SQLite or Postgres. No behaviour."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData()
_SEQUENCE = BigInteger().with_variant(Integer(), "sqlite")


def _target() -> tuple[Column[str], Column[str], Column[str]]:
    """One ledger database may serve several practices (Postgres), each with several environments."""
    return (
        Column("practice", String(63), nullable=False),
        Column("destination", String(40), nullable=False),
        Column("environment", String(40), nullable=False),
    )


def _record() -> tuple[Column[str], ...]:
    """Which record of which target."""
    return (
        *_target(),
        Column("object", String(80), nullable=False),
        Column("key", String(255), nullable=False),
    )


BINDINGS = Table(
    "bindings",
    METADATA,
    *_target(),
    Column("organization_id", String(80), nullable=False),
    Column("is_sandbox", Boolean, nullable=False),
    Column("bound_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("practice", "destination", "environment"),
)

BATCHES = Table(
    "batches",
    METADATA,
    Column("batch_id", String(36), primary_key=True),
    *_target(),
    Column("object", String(80), nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("row_count", Integer, nullable=False),
    Column("intended_at", DateTime(timezone=True), nullable=False),
)

BATCH_EVENTS = Table(
    "batch_events",
    METADATA,
    Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("batch_id", String(36), nullable=False, index=True),
    Column("kind", String(20), nullable=False),  # job_created, job_submitted, job_ended, settled
    Column("job_id", String(80)),
    Column("state", String(40)),
    Column("at", DateTime(timezone=True), nullable=False),
)

RECORD_EVENTS = Table(
    "record_events",
    METADATA,
    Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
    *_record(),
    Column("kind", String(12), nullable=False),  # intended, or an Outcome, or a Presence
    Column("run_id", String(64), nullable=False),
    Column("batch_id", String(36)),
    Column("payload_hash", String(64)),
    Column("destination_id", String(40)),
    Column("created", Boolean),
    Column("code", String(80)),
    Column("field", String(80)),
    Column("message", Text),
    Column("at", DateTime(timezone=True), nullable=False),
    Index("ix_record_events_target", "practice", "destination", "environment", "object", "key"),
    Index("ix_record_events_batch", "batch_id", "key"),
)

BEFORE_IMAGES = Table(
    "before_images",
    METADATA,
    *_record(),
    Column("run_id", String(64), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    # The earliest image is the one that rollback restores: a second one is refused, not stored.
    UniqueConstraint("practice", "destination", "environment", "object", "key"),
)

DELETED_IMAGES = Table(
    "deleted_images",
    METADATA,
    Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
    *_record(),
    Column("destination_id", String(40), nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # the record of ours as it stood before it was deleted
    Column("at", DateTime(timezone=True), nullable=False),
    Index("ix_deleted_images_target", "practice", "destination", "environment", "object", "key"),
)

DELTA_RECORDS = Table(
    "delta_records",
    METADATA,
    Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
    *_target(),
    Column("run_id", String(64), nullable=False),
    Column("object", String(80), nullable=False),
    Column("key", String(255), nullable=False),
    Column("changed_at", DateTime(timezone=True)),
    Column("basis", String(20)),  # what changed_at is: modified_at, or poll
    Column("seen_at", DateTime(timezone=True)),
    Column("outcome", String(20), nullable=False),
    Column("found_at", DateTime(timezone=True)),  # read back, and equal
    Column("at", DateTime(timezone=True), nullable=False),
    Index("ix_delta_records_target", "practice", "destination", "environment", "at"),
)

CONFLICTS = Table(
    "conflicts",
    METADATA,
    Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
    *_record(),
    Column("field", String(80), nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # the field's values: former, source, crm
    Column("policy", String(20), nullable=False),
    Column("event", String(20), nullable=False),  # found, decided
    Column("resolution", String(20), nullable=False),  # source, crm, open
    Column("decided_by", String(255)),
    Column("at", DateTime(timezone=True), nullable=False),
    Index("ix_conflicts_target", "practice", "destination", "environment", "object", "key"),
)

MINTED_KEYS = Table(
    "minted_keys",
    METADATA,
    Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("practice", String(63), nullable=False),
    Column("staged", String(80), nullable=False),
    Column("alias", String(16), nullable=False),  # a keyed reference: what it stands for is a person's data
    Column("source_id", String(40), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("practice", "staged", "alias"),
)

PLANS = Table(
    "plans",
    METADATA,
    Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("practice", String(63), nullable=False),
    Column("destination", String(40), nullable=False),
    Column("layout_basis", String(64), nullable=False),  # hash of what the layout was planned from
    Column("layout", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)

DECISIONS = Table(
    "decisions",
    METADATA,
    Column("practice", String(63), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(40), nullable=False),
    Column("entry", Text, nullable=False),
    Column("link", String(64), nullable=False),
)
