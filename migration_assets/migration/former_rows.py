"""Payload rows that were replaced or are gone: kept, so that what was last sent of a record stays known.

The ledger has the hash of what a destination took; the row with that hash stands in the payload or here.
"""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from migration_assets.mapping.spec import ObjectSpec
from migration_assets.migration.parents import PAYLOAD_HASH
from migration_assets.migration.plan import Plan
from migration_assets.migration.upload_file import GONE, GONE_COLUMNS, UPLOAD, former_table, payload_table
from migration_assets.warehouse import Session, quoted


def keep_former(
    session: Session, spec: ObjectSpec, now: pl.DataFrame, keys: Collection[str] | None = None
) -> list[str]:
    """To be called before the payload's rows of ``keys`` (None: all) are replaced by ``now``, whose columns
    are the payload's. Answers the keys that ``now`` has no more.

    Former rows of other columns are let go of: they can't be compared with what is sent from now on.
    """
    payload, former = payload_table(spec.asset), former_table(spec.asset)
    if not session.has_table(UPLOAD, payload):
        return []
    key, place = spec.schema.key_field, f"{UPLOAD}.{quoted(former)}"
    columns = _columns(session, payload)
    if set(columns) != set(now.columns):
        session.execute(f"DROP TABLE IF EXISTS {place}")
        before = session.read(UPLOAD, payload, [key])
        return _note_gone(session, spec, before.join(now.select(key), on=key, how="anti")[key])
    if not session.has_table(UPLOAD, former) or _columns(session, former) != columns:
        session.execute(
            f"CREATE OR REPLACE TABLE {place} AS SELECT * FROM {UPLOAD}.{quoted(payload)} WITH NO DATA"
        )
    before = _hashes(session, spec, keys)
    leaving = before.join(now.select(key, PAYLOAD_HASH), on=[key, PAYLOAD_HASH], how="anti")
    if leaving.height:
        row = f"p.{quoted(key)}"
        session.execute(
            f"INSERT INTO {place} BY NAME SELECT p.* FROM {UPLOAD}.{quoted(payload)} p "
            f"WHERE {row} IN (SELECT unnest($1::VARCHAR[])) AND NOT EXISTS (SELECT 1 FROM {place} f "
            f"WHERE f.{quoted(key)} = {row} AND f.{PAYLOAD_HASH} = p.{PAYLOAD_HASH})",
            (leaving[key].to_list(),),
        )
    return _note_gone(session, spec, leaving.join(now.select(key), on=key, how="anti")[key])


def drop_current(session: Session, spec: ObjectSpec) -> None:
    """To be called once the payload is written: what stands in it is neither former nor gone."""
    payload = f"{UPLOAD}.{quoted(payload_table(spec.asset))}"
    key = quoted(spec.schema.key_field)
    if session.has_table(UPLOAD, former_table(spec.asset)):
        session.execute(
            f"DELETE FROM {UPLOAD}.{quoted(former_table(spec.asset))} f USING {payload} p "
            f"WHERE f.{key} = p.{key} AND f.{PAYLOAD_HASH} = p.{PAYLOAD_HASH}"
        )
    if session.has_table(UPLOAD, GONE):
        session.execute(
            f"DELETE FROM {UPLOAD}.{GONE} WHERE object = $1 AND key IN (SELECT {key} FROM {payload})",
            (spec.name,),
        )


def former_rows(
    session: Session, plan: Plan, object_name: str, keys: Collection[str] | None = None
) -> pl.DataFrame:
    """Columns of the payload: how records of these keys (None: of those in scope) stood before, a row for
    each state that is known."""
    asset = plan.mapping.of_object(object_name).asset
    key = quoted(plan.schemas[asset].key_field)
    if not session.has_table(UPLOAD, former_table(asset)):
        return in_ms(session.sql(f"SELECT * FROM {UPLOAD}.{quoted(payload_table(asset))} LIMIT 0"))
    wanted = f"SELECT key FROM {UPLOAD}.scope WHERE object = $1"
    value: str | list[str] = object_name
    if keys is not None:
        wanted, value = "SELECT unnest($1::VARCHAR[])", list(keys)
    former = f"{UPLOAD}.{quoted(former_table(asset))}"
    return in_ms(session.sql(f"SELECT * FROM {former} WHERE {key} IN ({wanted})", (value,)))


def in_ms(rows: pl.DataFrame) -> pl.DataFrame:
    """Moments as ``Session.read`` gives them."""
    return rows.with_columns(pl.col(pl.Datetime("us", "UTC")).cast(pl.Datetime("ms", "UTC")))


def read_gone(session: Session) -> dict[str, list[str]]:
    """Keys by object of records that left the payload and that nobody has cleared since."""
    return {
        str(name): part["key"].sort().to_list()
        for (name,), part in _gone(session).partition_by("object", as_dict=True).items()
    }


def clear_gone(session: Session, object_name: str, keys: Collection[str]) -> None:
    """Forget them: what was to become of them has become of them."""
    if session.has_table(UPLOAD, GONE):
        session.execute(
            f"DELETE FROM {UPLOAD}.{GONE} WHERE object = $1 AND key IN (SELECT unnest($2::VARCHAR[]))",
            (object_name, list(keys)),
        )


def _note_gone(session: Session, spec: ObjectSpec, keys: pl.Series) -> list[str]:
    gone = keys.to_frame("key").select(pl.lit(spec.name).alias("object"), "key")
    known = _gone(session)
    session.append(UPLOAD, GONE, gone.join(known, on=list(GONE_COLUMNS), how="anti"))
    return keys.to_list()


def _gone(session: Session) -> pl.DataFrame:
    if not session.has_table(UPLOAD, GONE):
        return pl.DataFrame(schema=GONE_COLUMNS)
    return session.read(UPLOAD, GONE)


def _hashes(session: Session, spec: ObjectSpec, keys: Collection[str] | None) -> pl.DataFrame:
    if keys is None:
        return session.read(UPLOAD, payload_table(spec.asset), [spec.schema.key_field, PAYLOAD_HASH])
    key = quoted(spec.schema.key_field)
    return session.sql(
        f"SELECT {key}, {PAYLOAD_HASH} FROM {UPLOAD}.{quoted(payload_table(spec.asset))} "
        f"WHERE {key} IN (SELECT unnest($1::VARCHAR[]))",
        (list(keys),),
    )


def _columns(session: Session, table: str) -> list[str]:
    return session.sql(f"SELECT * FROM {UPLOAD}.{quoted(table)} LIMIT 0").columns
