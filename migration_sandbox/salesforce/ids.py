"""Record ids: key prefix, org part, row number in base 62, and the checksum that makes 15 characters 18.

A record's number is part of its id, so an id is found by arithmetic instead of an index. The three checksum
characters say which of the 15 letters are capitals, five at a time (Salesforce, "ID Field Type").
Everything works on whole columns; `make_id` and `expand` are the same for one value.
"""

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ORG_PART = "Hs0"
NUMBER_DIGITS = 9

_DIGITS = np.frombuffer(BASE62.encode(), dtype=np.uint8)
_VALUE_OF = np.full(256, -1, dtype=np.int64)
_VALUE_OF[_DIGITS] = np.arange(62)
_SUFFIX = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)
_POWERS = 62 ** np.arange(NUMBER_DIGITS - 1, -1, -1, dtype=np.int64)

Rows = npt.NDArray[np.int64]


def _suffixes(letters: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """(n, 15) characters -> (n, 3) checksum characters."""
    capitals = (letters >= 65) & (letters <= 90)
    weights = np.array([1, 2, 4, 8, 16], dtype=np.int64)
    groups = capitals.reshape(len(letters), 3, 5) @ weights
    return _SUFFIX[groups]


def encode(prefix: str, rows: Rows) -> pl.Series:
    """Row numbers -> 18-character ids; -1 -> null."""
    count = len(rows)
    if not count:
        return pl.Series("Id", [], dtype=pl.String)
    safe = np.maximum(rows, 0)
    letters = np.empty((count, 18), dtype=np.uint8)
    letters[:, :6] = np.frombuffer((prefix + ORG_PART).encode(), dtype=np.uint8)
    letters[:, 6:15] = _DIGITS[(safe[:, None] // _POWERS) % 62]
    letters[:, 15:] = _suffixes(letters[:, :15])
    offsets = np.arange(0, 18 * (count + 1), 18, dtype=np.int64)
    array = pa.LargeStringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(letters.tobytes()))
    series = pl.Series("Id", array)
    if (rows < 0).any():
        series = series.zip_with(pl.Series(rows >= 0), pl.Series("Id", [None], dtype=pl.String))
    return series


def make_id(prefix: str, row: int) -> str:
    return str(encode(prefix, np.array([row], dtype=np.int64))[0])


def expand(fifteen: str) -> str:
    """15 characters -> 18."""
    letters = np.frombuffer(fifteen.encode(), dtype=np.uint8).reshape(1, 15)
    return fifteen + _suffixes(letters).tobytes().decode()


def decode(values: pl.Series, prefix: str) -> tuple[Rows, npt.NDArray[np.bool_]]:
    """Ids -> (row numbers, well-formed).

    The row number is -1 for a null, for an id of another key prefix or org, and for what isn't an id at all;
    `well-formed` tells the last case (false) from the others (true, nulls included).
    """
    count = len(values)
    rows = np.full(count, -1, dtype=np.int64)
    fine = np.ones(count, dtype=np.bool_)
    shaped = values.str.contains(r"^(?:[0-9A-Za-z]{15}|[0-9A-Za-z]{18})$").fill_null(False).to_numpy()
    present = values.is_not_null().to_numpy()
    fine[present & ~shaped] = False
    where = np.flatnonzero(shaped)
    if not len(where):
        return rows, fine
    picked = values.filter(pl.Series(shaped))
    text = picked.str.head(15).str.join("")[0].encode()
    letters = np.frombuffer(text, dtype=np.uint8).reshape(len(where), 15)
    expected = _suffixes(letters).tobytes().decode()
    suffix = picked.str.slice(15)
    computed = pl.Series([expected[i : i + 3] for i in range(0, len(expected), 3)])
    right = ((suffix == "") | (suffix == computed)).to_numpy()
    fine[where[~right]] = False
    start = np.frombuffer((prefix + ORG_PART).encode(), dtype=np.uint8)
    ours = (letters[:, :6] == start).all(axis=1) & right
    numbers = _VALUE_OF[letters[:, 6:15]] @ _POWERS
    rows[where[ours]] = numbers[ours]
    return rows, fine
