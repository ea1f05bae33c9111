"""Payload rows that were replaced or are gone: kept, so that what was last sent of a record stays known.

The ledger has the hash of what a destination took; the row with that hash stands in the payload or here.
"""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from migration_assets.mapping.spec import ObjectSpec
from migration_assets.migration.asked_values import among
from migration_assets.migration.parents import PAYLOAD_HASH
from migration_assets.migration.plan import Plan
from migration_assets.migration.upload_file import GONE, GONE_COLUMNS, UPLOAD, former_table, payload_table
from migration_assets.warehouse import Session, in_ms, quoted


def keep_former(
    session: Session, spec: ObjectSpec, now: pl.DataFrame, before: pl.DataFrame | None = None
) -> list[str]:
    """To be called before rows of the payload are replaced by ``now``, whose columns are the payload's:
    ``before`` says which (key and PAYLOAD_HASH; None: all). Answers the keys that ``now`` has no more.

    Former rows of other columns are let go of: they can't be compared with what is sent from now on.
    """
    payload, former = payload_table(spec.asset), former_table(spec.asset)
    key, place = spec.schema.key_field, f"{UPLOAD}.{quoted(former)}"
    if before is None:
        if not session.has_table(UPLOAD, payload):
            return []
        before = session.read(UPLOAD, payload, [key, PAYLOAD_HASH])
        columns = _columns(session, payload)
        if set(columns) != set(now.columns):
            session.execute(f"DROP TABLE IF EXISTS {place}")
            return _note_gone(session, spec, before, now)
        if session.has_table(UPLOAD, former) and _columns(session, former) != columns:
            session.execute(f"DROP TABLE {place}")
    leaving = before.join(now.select(key, PAYLOAD_HASH), on=[key, PAYLOAD_HASH], how="anti")
    if leaving.height:
        taken = f"SELECT p.* FROM {UPLOAD}.{quoted(payload)} p WHERE p.{quoted(key)} IN "
        taken += among(session, leaving[key].to_list())
        if session.has_table(UPLOAD, former):
            known = f"f.{quoted(key)} = p.{quoted(key)} AND f.{PAYLOAD_HASH} = p.{PAYLOAD_HASH}"
            taken += f" AND NOT EXISTS (SELECT 1 FROM {place} f WHERE {known})"
            session.execute(f"INSERT INTO {place} BY NAME {taken}")
        else:
            session.execute(f"CREATE TABLE {place} AS {taken}")
    return _note_gone(session, spec, leaving, now)


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
    former, wanted = f"{UPLOAD}.{quoted(former_table(asset))}", in_question(session, object_name, keys)
    return in_ms(session.sql(f"SELECT * FROM {former} WHERE {key} IN {wanted}"))


def in_question(session: Session, object_name: str, keys: Collection[str] | None) -> str:
    """The keys (None: those of the object that are in scope) as what stands behind IN in a query."""
    if keys is None:
        scope = session.sql(f"SELECT key FROM {UPLOAD}.scope WHERE object = $1", (object_name,))
        return among(session, scope["key"].to_list())
    return among(session, keys)


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
            f"DELETE FROM {UPLOAD}.{GONE} WHERE object = $1 AND key IN {among(session, keys)}",
            (object_name,),
        )


def _note_gone(session: Session, spec: ObjectSpec, before: pl.DataFrame, now: pl.DataFrame) -> list[str]:
    key = spec.schema.key_field
    gone = before.join(now.select(key), on=key, how="anti").select(
        pl.lit(spec.name).alias("object"), pl.col(key).alias("key")
    )
    if gone.height:
        session.append(UPLOAD, GONE, gone.join(_gone(session), on=list(GONE_COLUMNS), how="anti"))
    return gone["key"].to_list()


def _gone(session: Session) -> pl.DataFrame:
    if not session.has_table(UPLOAD, GONE):
        return pl.DataFrame(schema=GONE_COLUMNS)
    return session.read(UPLOAD, GONE)


def _columns(session: Session, table: str) -> list[str]:
    return session.sql(f"SELECT * FROM {UPLOAD}.{quoted(table)} LIMIT 0").columns
