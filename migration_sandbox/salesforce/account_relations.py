"""Rules of AccountContactRelation: a contact's direct account and the others it is related to.

After the Object Reference and Salesforce Help, "Contacts to Multiple Accounts". Codes and texts of what is
refused are unconfirmed but for the duplicate's, which was seen on a real org.
"""

from typing import TYPE_CHECKING, Any

import polars as pl

from migration_sandbox.salesforce import ids
from migration_sandbox.salesforce.errors import RowError
from migration_sandbox.salesforce.saving import Saving, Writes
from migration_sandbox.salesforce.table import GONE, LIVE, ROW, STATE
from migration_sandbox.salesforce.values import Errors

if TYPE_CHECKING:
    from migration_sandbox.salesforce.org import Org

NAME = "AccountContactRelation"

TWICE = RowError(
    "DUPLICATE_VALUE", "This contact already has a relationship with this account.", ("ContactId",)
)
PRIVATE = RowError(
    "FIELD_INTEGRITY_EXCEPTION",
    "A contact without an account of its own can't be related to other accounts",
    ("ContactId",),
)
STILL_RELATED = RowError(
    "FIELD_INTEGRITY_EXCEPTION",
    "A contact that is related to other accounts needs an account of its own",
    ("AccountId",),
)
DIRECT = RowError("FIELD_INTEGRITY_EXCEPTION", "A direct relationship can't be deleted; change the contact")


def _on(org: "Org") -> bool:
    return NAME in org.objects


def _of(org: "Org", contacts: pl.Series) -> pl.DataFrame:
    table = org.tables[NAME]
    return table.scan(list(table.sobject.fields)).filter(pl.col("ContactId").is_in(contacts.implode()))


def direct(org: "Org", contacts: pl.DataFrame) -> pl.DataFrame:
    """New direct relations of contacts (Id, AccountId), none of which has one with that account."""
    made: list[dict[str, Any]] = [
        {"ContactId": contact, "AccountId": account, "IsDirect": True, "IsActive": True}
        for contact, account in contacts.select("Id", "AccountId").iter_rows()
    ]
    return org.new_rows(NAME, made)


def complete(saving: Saving) -> Errors:
    """One relation a pair; a new one is indirect, and its contact has an account of its own."""
    org, frame, fresh = saving.org, saving.frame, saving.fresh
    pairs = frame.select("ContactId", "AccountId", ROW)
    there = _of(org, frame["ContactId"]).select("ContactId", "AccountId", ROW)
    owner = {(contact, account): row for contact, account, row in there.iter_rows()}
    errors: Errors = {}
    for place, (contact, account, row) in enumerate(pairs.iter_rows()):
        if owner.setdefault((contact, account), row) != row:
            errors[place] = TWICE
    rows, _ = ids.decode(frame["ContactId"], "003")
    accounts = org.tables["Contact"].gather(rows, ["AccountId"])["AccountId"]
    for place in (accounts.is_null() & pl.Series(fresh)).arg_true().to_list():
        errors.setdefault(place, PRIVATE)
    return errors


def check_contact(saving: Saving) -> Errors:
    """A contact keeps an account as long as it is related to others."""
    if not _on(saving.org):
        return {}
    bare = saving.frame["AccountId"].is_null() & ~pl.Series(saving.fresh)
    if not bare.any():
        return {}
    related = _of(saving.org, saving.frame["Id"].filter(bare)).filter(~pl.col("IsDirect"))
    held = set(related["ContactId"].to_list())
    return {place: STILL_RELATED for place in bare.arg_true().to_list() if saving.frame["Id"][place] in held}


def follow_contact(saving: Saving) -> Writes:
    """The direct relation follows Contact.AccountId."""
    if not _on(saving.org):
        return []
    fresh = pl.Series(saving.fresh)
    new = saving.frame.filter(fresh & saving.frame["AccountId"].is_not_null())
    moved = saving.frame.filter(~fresh).select("Id", "AccountId")
    old = saving.before(["AccountId"])["AccountId"]
    moved = moved.filter(moved["AccountId"].ne_missing(old))
    if not moved.height:
        return [(NAME, direct(saving.org, new))]
    there = _of(saving.org, moved["Id"]).join(
        moved.rename({"Id": "ContactId", "AccountId": "_now"}), on="ContactId", how="left"
    )
    stays = (pl.col("AccountId") == pl.col("_now")).fill_null(False)
    dropped = pl.col("IsDirect") & ~stays
    if saving.org.settings.keep_replaced_account:
        dropped = dropped & pl.col("_now").is_null()
    changed = there.filter(pl.col("IsDirect") | stays).with_columns(
        pl.when(dropped)
        .then(pl.lit(GONE, dtype=pl.Int8))
        .otherwise(pl.lit(LIVE, dtype=pl.Int8))
        .alias(STATE),
        stays.alias("IsDirect"),
    )
    known = there.filter(stays)["ContactId"]
    made = moved.filter(pl.col("AccountId").is_not_null() & ~pl.col("Id").is_in(known.implode()))
    made = pl.concat([new.select("Id", "AccountId"), made])
    return [(NAME, changed.drop("_now")), (NAME, direct(saving.org, made))]


def before_delete(frame: pl.DataFrame) -> Errors:
    return dict.fromkeys(frame["IsDirect"].fill_null(False).arg_true().to_list(), DIRECT)
