"""The bytes themselves: files of the org, downloaded, against the source's, by SHA-256.

All of them up to MOST; beyond that every n-th by key, n as small as MOST permits. The checksum that the org
states is compared of every file all the same, in ``files``.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyodbc
from simple_salesforce.api import Salesforce

from migration_assets_tests.blackbox.files import VERSION
from migration_assets_tests.blackbox.report import Report, Row

MOST = 300
_PIECE = 2**20
_AT_ONCE = 4


@dataclass(frozen=True)
class Hashes:
    """SHA-256 of one file at both ends; the source's is None where it has no such content."""

    source: str | None
    org: str


def sample(versions: Iterable[Row]) -> list[Row]:
    """Records of files by key: all, or every n-th."""
    by_key = sorted(versions, key=_order)
    return by_key[:: -(-len(by_key) // MOST) or 1]


def read_contents(
    connection: pyodbc.Connection,
    salesforce: Salesforce,
    source: Mapping[str, list[Row]],
    versions: Iterable[Row],
) -> dict[str, Hashes]:
    """By key; files of rows that the source doesn't have are left out."""
    paths = {str(row["RadiographID"]): row["FilePath"] for row in source["Radiograph"]}
    on_share = {row["Path"].strip(): row["SHA256"] for row in source["share."]}
    sizes = {str(row["DocumentID"]): row["size of"] for row in source["Document"]}
    known = {"document": sizes, "radiograph": paths}
    chosen = [row for row in sample(versions) if _order(row)[1] in known.get(_order(row)[0], {})]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        org = pool.map(lambda row: _hashed(_download(salesforce, row["Id"])), chosen)
        own = []
        for row in chosen:
            space, number = _order(row)[:2]
            if space == "document":
                own.append(_hashed(_stored(connection, number)) if sizes[number] is not None else None)
            else:
                own.append(on_share.get(str(paths[number] or "").strip()))
        return {
            str(row["PANDA_Key__c"]): Hashes(one, other)
            for row, one, other in zip(chosen, own, org, strict=True)
        }


def compare_contents(report: Report, contents: Mapping[str, Hashes], files: int) -> None:
    report.counts["contents compared byte by byte"] = len(contents)
    report.counts["contents compared by checksum alone"] = files - len(contents)
    for key, hashes in contents.items():
        if hashes.source != hashes.org:
            report.differs(VERSION, "VersionData", key, hashes.source, hashes.org)


def _order(row: Row) -> tuple[str, str, int]:
    """``document``, its number as text and as a number."""
    space, _, number = str(row["PANDA_Key__c"]).partition(":")[2].partition(":")
    return space, number, int(number) if number.isdecimal() else -1


def _hashed(pieces: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _download(salesforce: Salesforce, version: str) -> Iterator[bytes]:
    url = f"{salesforce.base_url}sobjects/{VERSION}/{version}/VersionData"
    with salesforce.session.get(url, headers=salesforce.headers, stream=True, timeout=300) as answer:
        answer.raise_for_status()
        yield from answer.iter_content(_PIECE)


def _stored(connection: pyodbc.Connection, document: str) -> Iterator[bytes]:
    start = 1
    query = f"SELECT SUBSTRING([Content], ?, {_PIECE}) FROM dbo.Document WHERE DocumentID = ?"
    while True:
        piece: bytes = connection.cursor().execute(query, start, int(document)).fetchval() or b""
        yield piece
        if len(piece) < _PIECE:
            return
        start += _PIECE
