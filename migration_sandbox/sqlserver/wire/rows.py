"""Arrow batches as ROW tokens, vectorised: no Python work for each value of a fixed or short column.

A batch becomes a matrix of bytes, a row a line, with a mask that says which of them are sent; the columns
that are long or (max) are encoded one by one and laid between the matrix's pieces. MS-TDS 2.2.5.4 (types),
2.2.7.19 (ROW).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..scope import OutputColumn
from ..sqltypes import SqlType, decimal_bytes, time_bytes

_DAYS_TO_1970 = 719162  # from 0001-01-01
_DAYS_1900_TO_1970 = 25567
_DAY = 86_400_000_000  # microseconds
_DENSE_WIDTH = 128  # the longest text of a batch, in bytes, that still goes into the matrix
_NULL_PLP = b"\xff" * 8
_INTEGER_WIDTHS = {"tinyint": 1, "smallint": 2, "int": 4, "bigint": 8, "real": 4, "float": 8}

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]


class Dense:
    """A column's lines in the matrix: data (rows x width) and the mask of the bytes that are sent."""

    def __init__(self, data: Bytes, mask: Flags | None) -> None:
        self.data = data
        self.mask = mask  # None: every byte is sent


Encoded = Dense | list[bytes]


def encode_rows(columns: Sequence[OutputColumn], batch: pa.RecordBatch) -> bytes:
    """The batch's ROW tokens, in order."""
    count = batch.num_rows
    if not count:
        return b""
    token = Dense(np.full((count, 1), 0xD1, dtype=np.uint8), None)
    encoded: list[Encoded] = [token]
    encoded += [_encode(column.type, array) for column, array in zip(columns, batch.columns, strict=True)]
    pieces: list[list[bytes]] = []
    run: list[Dense] = []
    for item in encoded:
        if isinstance(item, Dense):
            run.append(item)
            continue
        if run:
            pieces.append(_lines(run, count))
            run = []
        pieces.append(item)
    if not pieces:
        return _joined(run)[0].tobytes()
    if run:
        pieces.append(_lines(run, count))
    return b"".join([part for row in zip(*pieces, strict=True) for part in row])


def _joined(run: Sequence[Dense]) -> tuple[Bytes, Flags | None]:
    data = np.concatenate([item.data for item in run], axis=1)
    if all(item.mask is None for item in run):
        return data, None
    mask = np.concatenate(
        [np.ones(item.data.shape, dtype=np.bool_) if item.mask is None else item.mask for item in run], axis=1
    )
    return data[mask], mask


def _lines(run: Sequence[Dense], count: int) -> list[bytes]:
    data, mask = _joined(run)
    raw = data.tobytes()
    if mask is None:
        width = len(raw) // count
        return [raw[start : start + width] for start in range(0, len(raw), width)]
    ends = np.cumsum(mask.sum(axis=1)).tolist()
    return [raw[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _encode(kind: SqlType, array: pa.Array) -> Encoded:
    if kind.is_string:
        return _strings(kind, array)
    if kind.is_binary:
        return _binaries(kind, array)
    valid = _valid(array)
    return _prefixed(_fixed(kind, array), valid)


def _valid(array: pa.Array) -> Flags | None:
    return None if array.null_count == 0 else pc.is_valid(array).to_numpy(zero_copy_only=False)


def _prefixed(data: Bytes, valid: Flags | None) -> Dense:
    """Each value behind its length byte, which is 0 for NULL."""
    count, width = data.shape
    lines = np.empty((count, width + 1), dtype=np.uint8)
    lines[:, 1:] = data
    if valid is None:
        lines[:, 0] = width
        return Dense(lines, None)
    lines[:, 0] = np.where(valid, width, 0)
    mask = np.empty((count, width + 1), dtype=np.bool_)
    mask[:, 0] = True
    mask[:, 1:] = valid[:, None]
    return Dense(lines, mask)


def _as_bytes(values: np.ndarray[Any, Any], count: int) -> Bytes:
    return np.ascontiguousarray(values).view(np.uint8).reshape(count, -1)


def _numbers(array: pa.Array, kind: pa.DataType) -> np.ndarray[Any, Any]:
    """The values' buffer as numpy, with whatever stands under a NULL."""
    filled = array if array.null_count == 0 else array.fill_null(0)
    values: np.ndarray[Any, Any] = filled.cast(kind).to_numpy(zero_copy_only=False)
    return values


def _fixed(kind: SqlType, array: pa.Array) -> Bytes:
    count = len(array)
    name = kind.name
    if name == "bit":
        filled = array if array.null_count == 0 else array.fill_null(False)
        return _as_bytes(filled.to_numpy(zero_copy_only=False).astype(np.uint8), count)
    if name in _INTEGER_WIDTHS:
        target = {"tinyint": pa.uint8(), "smallint": pa.int16(), "int": pa.int32(), "bigint": pa.int64(),
                  "real": pa.float32(), "float": pa.float64()}[name]  # fmt: skip
        return _as_bytes(_numbers(array, target), count)
    if name in ("decimal", "numeric"):
        return _decimals(kind, array)
    if name in ("money", "smallmoney"):
        units = _words(array)[:, 0].view(np.int64)
        if name == "smallmoney":
            return _as_bytes(units.astype("<i4"), count)
        return _as_bytes(
            np.stack([units >> 32, units & 0xFFFFFFFF], axis=1).astype("<i8").astype("<u4", casting="unsafe"),
            count,
        )
    if name == "date":
        return _dates(_numbers(array.cast(pa.int32()), pa.int64()))
    if name == "uniqueidentifier":
        return _identifiers(array)
    if name == "time":
        return _times(kind.scale, _numbers(array.cast(pa.int64()), pa.int64()))
    micros = _numbers(array.cast(pa.timestamp("us")).cast(pa.int64()), pa.int64())
    days = micros // _DAY
    of_day = micros - days * _DAY
    if name == "datetime":
        ticks = (of_day * 3 + 5000) // 10_000
        return _as_bytes(np.stack([days + _DAYS_1900_TO_1970, ticks], axis=1).astype("<i4"), count)
    return np.concatenate([_times(kind.scale, of_day), _dates(days)], axis=1)


def _dates(days: np.ndarray[Any, Any]) -> Bytes:
    return _as_bytes((days + _DAYS_TO_1970).astype("<u4"), len(days))[:, :3]


def _times(scale: int, micros: np.ndarray[Any, Any]) -> Bytes:
    units = micros * 10 if scale == 7 else micros // 10 ** (6 - scale)
    return _as_bytes(units.astype("<u8"), len(micros))[:, : time_bytes(scale)]


def _words(array: pa.Array) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """A decimal128 array as rows of two words, the low one first."""
    buffer = array.buffers()[1]
    words = np.frombuffer(buffer, dtype="<u8").reshape(-1, 2)
    return words[array.offset : array.offset + len(array)]


def _decimals(kind: SqlType, array: pa.Array) -> Bytes:
    count = len(array)
    words = _words(array.cast(pa.decimal128(kind.precision, kind.scale)))
    negative = words[:, 1].view(np.int64) < 0
    low = np.where(negative, ~words[:, 0] + np.uint64(1), words[:, 0])
    carry = (negative & (words[:, 0] == 0)).astype(np.uint64)
    high = np.where(negative, ~words[:, 1] + carry, words[:, 1])
    magnitude = _as_bytes(np.stack([low, high], axis=1), count)
    width = decimal_bytes(kind.precision)
    lines = np.empty((count, width), dtype=np.uint8)
    lines[:, 0] = ~negative
    lines[:, 1:] = magnitude[:, : width - 1]
    return lines


def _identifiers(array: pa.Array) -> Bytes:
    storage = array.storage if isinstance(array, pa.ExtensionArray) else array
    if pa.types.is_fixed_size_binary(storage.type):
        start = storage.offset * 16
        raw = np.frombuffer(storage.buffers()[1], dtype=np.uint8)[start : start + 16 * len(storage)].reshape(
            -1, 16
        )
    else:
        texts = [(value or "0" * 32).replace("-", "") for value in storage.to_pylist()]
        raw = np.frombuffer(bytes.fromhex("".join(texts)), dtype=np.uint8).reshape(-1, 16)
    return raw[:, [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15]]


def _strings(kind: SqlType, array: pa.Array) -> Encoded:
    plain = array.cast(pa.large_string())
    flat, lengths = _flat(plain)
    if not flat.size or flat.max() < 0x80:
        data = flat
        if kind.is_unicode:
            data = np.zeros(2 * flat.size, dtype=np.uint8)
            data[::2] = flat
            lengths = 2 * lengths
    else:
        encoding = "utf-16-le" if kind.is_unicode else "cp1252"
        encoded = [b"" if value is None else value.encode(encoding) for value in plain.to_pylist()]
        data = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        lengths = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
    return _variable(data, lengths, _valid(plain), kind.is_max)


def _binaries(kind: SqlType, array: pa.Array) -> Encoded:
    plain = array.cast(pa.large_binary())
    data, lengths = _flat(plain)
    return _variable(data, lengths, _valid(plain), kind.is_max)


def _flat(array: pa.Array) -> tuple[Bytes, np.ndarray[Any, np.dtype[np.int64]]]:
    """All values' bytes one after the other, and each one's length; NULL counts as empty."""
    if array.null_count:
        array = array.fill_null("" if pa.types.is_large_string(array.type) else b"")
    _, offset_buffer, data_buffer = array.buffers()
    offsets = np.frombuffer(offset_buffer, dtype="<i8")[array.offset : array.offset + len(array) + 1]
    empty = np.empty(0, dtype=np.uint8)
    data = np.frombuffer(data_buffer, dtype=np.uint8) if data_buffer is not None else empty
    return data[offsets[0] : offsets[-1]], np.diff(offsets)


def _variable(
    data: Bytes, lengths: np.ndarray[Any, np.dtype[np.int64]], valid: Flags | None, is_max: bool
) -> Encoded:
    longest = int(lengths.max(initial=0))
    if is_max or longest > _DENSE_WIDTH:
        return _one_by_one(data, lengths, valid, is_max)
    count = len(lengths)
    lines = np.zeros((count, 2 + longest), dtype=np.uint8)
    lines[:, :2] = _as_bytes(lengths.astype("<u2"), count)
    mask = np.empty((count, 2 + longest), dtype=np.bool_)
    mask[:, :2] = True
    mask[:, 2:] = np.arange(longest)[None, :] < lengths[:, None]
    lines[:, 2:][mask[:, 2:]] = data
    if valid is not None:
        lines[~valid, :2] = 0xFF
    return Dense(lines, mask)


def _one_by_one(
    data: Bytes, lengths: np.ndarray[Any, np.dtype[np.int64]], valid: Flags | None, is_max: bool
) -> list[bytes]:
    raw = data.tobytes()
    ends = np.cumsum(lengths).tolist()
    present = [True] * len(ends) if valid is None else valid.tolist()
    encode = _partial if is_max else _counted
    null = _NULL_PLP if is_max else b"\xff\xff"
    starts = [0, *ends[:-1]]
    return [encode(raw[s:e]) if there else null for s, e, there in zip(starts, ends, present, strict=True)]


def _counted(value: bytes) -> bytes:
    return len(value).to_bytes(2, "little") + value


def _partial(value: bytes) -> bytes:
    """PLP: the total length, one chunk, the end."""
    size = len(value)
    if not size:
        return bytes(12)
    return size.to_bytes(8, "little") + size.to_bytes(4, "little") + value + bytes(4)
