"""Rules of files: a version makes or extends its document, and a document shows on records through links.

After the Object Reference (ContentVersion, ContentDocument, ContentDocumentLink). Bytes are blobs.py's, and
how they arrive is content_routes.py's and content_collections.py's. Texts of refusals are unconfirmed but for
the link query's.
"""

from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from migration_sandbox.salesforce import ids
from migration_sandbox.salesforce.errors import ApiError, RowError
from migration_sandbox.salesforce.org import utc_now
from migration_sandbox.salesforce.saving import Saving, Writes
from migration_sandbox.salesforce.soql import Comparison, Condition, Logical
from migration_sandbox.salesforce.table import ROW
from migration_sandbox.salesforce.values import Errors

if TYPE_CHECKING:
    from migration_sandbox.salesforce.org import Org

VERSION, DOCUMENT, LINK = "ContentVersion", "ContentDocument", "ContentDocumentLink"

FILE_TYPES = {
    "pdf": "PDF", "jpg": "JPG", "jpeg": "JPEG", "png": "PNG", "gif": "GIF", "bmp": "BMP", "tif": "TIFF",
    "tiff": "TIFF", "txt": "TEXT", "csv": "CSV", "rtf": "RTF", "htm": "HTML", "html": "HTML", "xml": "XML",
    "doc": "WORD", "docx": "WORD_X", "xls": "EXCEL", "xlsx": "EXCEL_X", "ppt": "POWER_POINT",
    "pptx": "POWER_POINT_X", "zip": "ZIP",
}  # fmt: skip
"""FileType by extension; what isn't listed is UNKNOWN."""

NO_DATA = RowError("REQUIRED_FIELD_MISSING", "Required fields are missing: [VersionData]", ("VersionData",))
DATA_IS_FIXED = RowError(
    "INVALID_FIELD_FOR_INSERT_UPDATE",
    "Unable to create/update fields: VersionData. Please check the security settings of this field and "
    "verify that it is read/write for your profile or permission set.",
    ("VersionData",),
)
PLACED_ALREADY = RowError(
    "INVALID_FIELD_FOR_INSERT_UPDATE",
    "FirstPublishLocationId is only set with a document's first version",
    ("FirstPublishLocationId",),
)
FULL = RowError("STORAGE_LIMIT_EXCEEDED", "storage limit exceeded")
NO_SHARE_TYPE = RowError("REQUIRED_FIELD_MISSING", "Required fields are missing: [ShareType]", ("ShareType",))
OWNERS_LINK = RowError("FIELD_INTEGRITY_EXCEPTION", "field integrity exception")
UNFILTERED = (
    "Implementation restriction: ContentDocumentLink requires a filter by a single Id on ContentDocumentId "
    "or LinkedEntityId using the equals operator or multiple Id's using the IN operator."
)
SHARES_OF_USER, SHARES_OF_RECORD = ("V", "C"), ("V", "I")

FROM_VERSION = (
    "Title", "Description", "OwnerId", "PublishStatus", "ContentSize", "FileType", "FileExtension",
    "SharingOption", "SharingPrivacy", "ContentModifiedDate",
)  # fmt: skip
"""What a document shows of its latest version."""


def file_name(path: str) -> tuple[str, str | None]:
    """`C:\\letters\\Smith.PDF` -> (`Smith`, `PDF`); None without an extension."""
    name = PureWindowsPath(path).name if "\\" in path else PurePosixPath(path).name
    stem, dot, extension = name.rpartition(".")
    return (stem, extension) if dot and stem and extension else (name, None)


def complete_version(saving: Saving) -> Errors:
    """A new version's document, number, type and checksum. A content is never changed afterwards."""
    fresh = saving.fresh
    errors: Errors = {
        place: (DATA_IS_FIXED if not fresh[place] else NO_DATA)
        for place in range(saving.frame.height)
        if fresh[place] != (place in saving.blobs)
    }
    room = saving.org.settings.file_storage_mb * 1_048_576 - saving.org.used_file_bytes()
    rows = saving.frame.to_dicts()
    next_document = saving.org.tables[DOCUMENT].next_row
    numbers = _last_numbers(saving)
    for place in np.flatnonzero(fresh).tolist():
        if place in errors:
            continue
        row, blob = rows[place], saving.blobs[place]
        if blob.size > room:
            errors[place] = FULL
            continue
        if row["ContentDocumentId"] and row["FirstPublishLocationId"]:
            errors[place] = PLACED_ALREADY
            continue
        room -= blob.size
        if row["ContentDocumentId"] is None:
            row["ContentDocumentId"] = ids.make_id("069", next_document)
            next_document += 1
            row["FirstPublishLocationId"] = row["FirstPublishLocationId"] or row["OwnerId"]
        number = numbers[row["ContentDocumentId"]] = numbers.get(row["ContentDocumentId"], 0) + 1
        stem, extension = file_name(row["PathOnClient"] or "")
        row |= {
            "VersionNumber": str(number), "IsLatest": True, "ContentBodyId": blob.id, "Checksum": blob.md5,
            "ContentSize": blob.size, "FileExtension": extension, "PublishStatus": "P",
            "FileType": FILE_TYPES.get((extension or "").lower(), "UNKNOWN"),
            "Title": row["Title"] or stem[:255], "ContentModifiedById": saving.org.user_id,
            "ContentModifiedDate": row["ContentModifiedDate"] or row["CreatedDate"],
        }  # fmt: skip
    for name, item in saving.sobject.fields.items():
        saving.put(name, pl.Series(name, [row[name] for row in rows], dtype=item.dtype))
    return errors


def _versions(org: "Org", documents: pl.Series) -> pl.DataFrame:
    """The versions that the org has of documents, those among them that are about to be made left out."""
    table = org.tables[VERSION]
    numbers, _ = ids.decode(documents.drop_nulls(), "069")
    known = documents.drop_nulls().filter(pl.Series(numbers < org.tables[DOCUMENT].next_row))
    rows = np.empty(0, dtype=np.int64)
    if len(known):
        found = table.scan(["ContentDocumentId"])
        rows = found.filter(pl.col("ContentDocumentId").is_in(known.implode()))[ROW].to_numpy()
    return table.gather(rows, list(table.sobject.fields))


def _last_numbers(saving: Saving) -> dict[str, int]:
    found = _versions(saving.org, saving.frame["ContentDocumentId"])
    numbers: dict[str, int] = {}
    for document, number in found.select("ContentDocumentId", "VersionNumber").iter_rows():
        numbers[document] = max(int(number), numbers.get(document, 0))
    return numbers


def follow_version(saving: Saving) -> Writes:
    """Documents show their latest version; a new document comes with links to its owner and its place."""
    org, fresh = saving.org, saving.fresh
    latest: dict[str, dict[str, Any]] = {}
    superseded: set[int] = set()
    for row in saving.frame.to_dicts():
        earlier = latest.get(row["ContentDocumentId"])
        if row["IsLatest"]:
            latest[row["ContentDocumentId"]] = row
            if earlier is not None:
                superseded.add(earlier[ROW])
    stored = _versions(org, saving.frame.filter(pl.Series(fresh))["ContentDocumentId"])
    stored = stored.filter(pl.col("IsLatest") & ~pl.col(ROW).is_in(saving.frame[ROW].to_list()))
    writes: Writes = []
    older = pl.concat(
        [stored, saving.frame.filter(pl.col(ROW).is_in(list(superseded))).select(stored.columns)]
    )
    if older.height:
        moved = pl.lit(utc_now(), dtype=pl.Datetime("ms")).alias("SystemModstamp")
        writes.append((VERSION, older.with_columns(pl.lit(False).alias("IsLatest"), moved)))
    return writes + _documents(org, latest)


def _documents(org: "Org", latest: dict[str, dict[str, Any]]) -> Writes:
    table = org.tables[DOCUMENT]
    keys = list(latest)
    rows, _ = ids.decode(pl.Series(keys, dtype=pl.String), "069")
    known = rows < table.next_row
    shown = [{name: latest[key][name] for name in FROM_VERSION} for key in keys]
    for key, record in zip(keys, shown, strict=True):
        record["LatestPublishedVersionId"] = latest[key]["Id"]
    writes: Writes = []
    if known.any():
        old = table.gather(rows[known], list(table.sobject.fields))
        picked = [record for record, there in zip(shown, known.tolist(), strict=True) if there]
        changed = [
            pl.Series(name, [record[name] for record in picked], dtype=table.sobject.fields[name].dtype)
            for name in picked[0]
        ]
        writes.append((DOCUMENT, old.with_columns(*changed, *_touched(org))))
    new = [(key, record) for key, record, there in zip(keys, shown, known.tolist(), strict=True) if not there]
    if new:
        stamps = ("CreatedDate", "CreatedById")
        records = [
            record | {"IsArchived": False} | {name: latest[key][name] for name in stamps}
            for key, record in new
        ]
        writes.append((DOCUMENT, org.new_rows(DOCUMENT, records, rows[~known])))
        writes.append((LINK, org.new_rows(LINK, _first_links(org, {key: latest[key] for key, _ in new}))))
    return writes


def _touched(org: "Org") -> list[pl.Expr]:
    """Stamps of records that somebody changes through another record."""
    now = pl.lit(utc_now(), dtype=pl.Datetime("ms"))
    by = pl.lit(org.user_id).alias("LastModifiedById")
    return [now.alias("LastModifiedDate"), now.alias("SystemModstamp"), by]


def _first_links(org: "Org", versions: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """A new document is linked to its owner (ShareType I) and to where it was published first (V)."""
    made = []
    for key, version in versions.items():
        shared = {"ContentDocumentId": key, "Visibility": org.settings.file_link_visibility}
        made.append(
            shared | {"LinkedEntityId": version["OwnerId"], "ShareType": "I", "Visibility": "AllUsers"}
        )
        if version["FirstPublishLocationId"] != version["OwnerId"]:
            made.append(shared | {"LinkedEntityId": version["FirstPublishLocationId"], "ShareType": "V"})
    return made


def follow_document(saving: Saving) -> Writes:
    """Title, description and owner of a document are those of its latest version."""
    table = saving.org.tables[VERSION]
    rows, _ = ids.decode(saving.frame["LatestPublishedVersionId"], "068")
    found = table.gather(rows, list(table.sobject.fields))
    shared = [saving.frame[name] for name in ("Title", "Description", "OwnerId")]
    return [(VERSION, found.with_columns(*shared, *_touched(saving.org)))]


def complete_link(saving: Saving) -> Errors:
    """One link a document and record, with a kind of share that fits what it is linked to."""
    org, frame = saving.org, saving.frame
    if not org.settings.link_share_type_required:
        saving.put("ShareType", frame["ShareType"].fill_null("V"))
    saving.put("Visibility", frame["Visibility"].fill_null(org.settings.file_link_visibility))
    table = org.tables[LINK]
    there = table.scan(["ContentDocumentId", "LinkedEntityId"])
    there = there.filter(pl.col("ContentDocumentId").is_in(frame["ContentDocumentId"].implode()))
    owner = {
        (document, entity): row
        for document, entity, row in there.select("ContentDocumentId", "LinkedEntityId", ROW).iter_rows()
    }
    errors: Errors = {}
    picked = saving.frame.select("ContentDocumentId", "LinkedEntityId", "ShareType", ROW)
    for place, (document, entity, share, row) in enumerate(picked.iter_rows()):
        allowed = SHARES_OF_USER if entity[:3] == "005" else SHARES_OF_RECORD
        if owner.setdefault((document, entity), row) != row:
            message = f"Document ID: {document} is already linked with the entity ID: {entity}"
            errors[place] = RowError("DUPLICATE_VALUE", message)
        elif share is None:
            errors[place] = NO_SHARE_TYPE
        elif share not in allowed:
            errors[place] = RowError(
                "FIELD_INTEGRITY_EXCEPTION", f"Invalid sharing type {share}", ("ShareType",)
            )
    return errors


def before_delete_link(frame: pl.DataFrame) -> Errors:
    """The owner's own link goes with the document only."""
    own = (frame["ShareType"] == "I") & (frame["LinkedEntityId"].str.head(3) == "005")
    return dict.fromkeys(own.fill_null(False).arg_true().to_list(), OWNERS_LINK)


def check_link_filter(condition: Condition | None, all_files: bool) -> None:
    """A query of links names documents or records (the permission Query All Files lifts that), and filters on
    no field of the record, nor on one of the document that it names.

    Raises MALFORMED_QUERY.
    """
    if not all_files and not (condition is not None and _filtered(condition)):
        raise ApiError(400, "MALFORMED_QUERY", UNFILTERED)
    paths = [".".join(_own(path)).lower() for path in _paths(condition)]
    for path in paths:
        of_record = path.startswith("linkedentity.") and path != "linkedentity.type"
        of_document = path.startswith("contentdocument.") and "contentdocumentid" in paths
        if of_record or of_document:
            raise ApiError(400, "MALFORMED_QUERY", f"{LINK} can't be filtered by {path} here")


def _own(parts: tuple[str, ...]) -> tuple[str, ...]:
    return parts[1:] if len(parts) > 1 and parts[0].lower() == LINK.lower() else parts


def _paths(condition: Condition | None) -> list[tuple[str, ...]]:
    if condition is None:
        return []
    if isinstance(condition, Comparison):
        return [condition.path.parts]
    return [path for part in condition.parts for path in _paths(part)]


def _filtered(condition: Condition) -> bool:
    if isinstance(condition, Logical):
        return condition.operator == "and" and any(_filtered(part) for part in condition.parts)
    assert isinstance(condition, Comparison)
    return (
        ".".join(_own(condition.path.parts)).lower() in ("id", "contentdocumentid", "linkedentityid")
        and condition.operator in ("=", "in")
        and all(value.kind == "string" for value in condition.values)
    )
