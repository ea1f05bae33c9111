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
_SMALL_A_QUERY = 50


@dataclass(frozen=True)
class Hashes:
    """SHA-256 of one file at both ends; the source's is None where it has no such content."""

    source: str | None
    org: str


def sample(versions: Iterable[Row]) -> list[Row]:
    """Records of files by key: all, or every n-th."""
    by_key = sorted(versions, key=_name)
    return by_key[:: -(-len(by_key) // MOST) or 1]


def read_contents(
    connection: pyodbc.Connection,
    salesforce: Salesforce,
    source: Mapping[str, list[Row]],
    versions: Iterable[Row],
) -> dict[str, Hashes]:
    """By key; files of rows that the source doesn't have are left out."""
    on_share = {row["Path"].strip(): row["SHA256"] for row in source["share."]}
    paths = {
        f"radiograph:{row['RadiographID']}": str(row["FilePath"] or "").strip()
        for row in source["Radiograph"]
    }
    sizes = {f"document:{row['DocumentID']}": row["size of"] for row in source["Document"]}
    chosen = {_name(row): row for row in sample(versions) if _name(row) in paths or _name(row) in sizes}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        org = pool.map(lambda row: _hashed(_download(salesforce, row["Id"])), chosen.values())
        own = stored_hashes(
            connection, {name: size for name, size in sizes.items() if name in chosen and size}
        )
        return {
            str(row["PANDA_Key__c"]): Hashes(own.get(name) or on_share.get(paths.get(name, "")), downloaded)
            for (name, row), downloaded in zip(chosen.items(), org, strict=True)
        }


def compare_contents(report: Report, contents: Mapping[str, Hashes], files: int) -> None:
    report.counts["contents compared byte by byte"] = len(contents)
    report.counts["contents compared by checksum alone"] = files - len(contents)
    for key, hashes in contents.items():
        if hashes.source != hashes.org:
            report.differs(VERSION, "VersionData", key, hashes.source, hashes.org)


def _name(row: Row) -> str:
    """``document:4711``: the key without the practice."""
    return str(row["PANDA_Key__c"]).partition(":")[2]


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


def stored_hashes(connection: pyodbc.Connection, sizes: Mapping[str, int]) -> dict[str, str]:
    """Hashes of documents by name: many small ones a query, large ones in pieces."""
    small = [name for name, size in sizes.items() if size <= _PIECE // 8]
    hashes: dict[str, str] = {}
    for start in range(0, len(small), _SMALL_A_QUERY):
        numbers = ", ".join(each.partition(":")[2] for each in small[start : start + _SMALL_A_QUERY])
        query = f"SELECT DocumentID, [Content] FROM dbo.Document WHERE DocumentID IN ({numbers})"
        for number, content in connection.cursor().execute(query):
            hashes[f"document:{number}"] = _hashed([content or b""])
    for name in sizes.keys() - set(small):
        hashes[name] = _hashed(_pieces(connection, int(name.partition(":")[2])))
    return hashes


def _pieces(connection: pyodbc.Connection, document: int) -> Iterator[bytes]:
    query = f"SELECT SUBSTRING([Content], ?, {_PIECE}) FROM dbo.Document WHERE DocumentID = ?"
    start, piece = 1, b""
    while start == 1 or len(piece) == _PIECE:
        piece = connection.cursor().execute(query, start, document).fetchval() or b""
        yield piece
        start += _PIECE
