"""The CSV of a Bulk job: where its records end, and its cells as columns.

RFC 4180 with the job's own delimiter and line ending; a line break inside quotes belongs to the value. Record
ends are found from the positions of quotes and newlines alone, so 100 MB are cut into batches in a fraction
of a second; the cells are parsed by Arrow, numbers straight into numbers (measured: 10 million small
integers in 0.16 s), with text as the fallback when any cell isn't one.
"""

import csv
import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.csv as pc

DELIMITERS = {"COMMA": ",", "BACKQUOTE": "`", "CARET": "^", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
LINE_ENDINGS = {"LF": b"\n", "CRLF": b"\r\n"}
BLOCK = 4 << 20
QUOTE, LF, CR = 34, 10, 13

ARROW_TYPES: dict[type[pl.DataType], pa.DataType] = {
    pl.Int32: pa.int32(),
    pl.Int64: pa.int64(),
    pl.Float64: pa.float64(),
}


class CsvFault(Exception):
    """The file as a whole can't be processed; `text` becomes the job's errorMessage."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


@dataclass(frozen=True)
class Slice:
    """Bytes [start, stop) hold `rows` whole records, the first being record `first_row` of the file."""

    start: int
    stop: int
    rows: int
    first_row: int


@dataclass(frozen=True)
class Layout:
    """Column names as given, and the file cut into batches."""

    header: list[str]
    header_characters: int
    slices: list[Slice]


def _outside(positions: npt.NDArray[np.int64], quotes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Those positions that an even number of quotes precedes."""
    if not len(quotes):
        return positions
    inside: npt.NDArray[np.bool_] = np.searchsorted(quotes, positions) % 2 == 1
    return np.asarray(positions[~inside], dtype=np.int64)


def _check_quotes(data: npt.NDArray[np.uint8], quotes: npt.NDArray[np.int64], delimiter: int) -> None:
    """Opening quotes follow a delimiter or a line's start, closing ones precede a delimiter or its end."""
    if len(quotes) % 2:
        raise CsvFault("ClientInputError : Failed to parse CSV. EOF reached before closing an opened quote")
    opening, closing = quotes[0::2], quotes[1::2]
    before = data[np.maximum(opening - 1, 0)]
    after = data[np.minimum(closing + 1, len(data) - 1)]
    fine_before = (opening == 0) | np.isin(before, [delimiter, LF, QUOTE])
    fine_after = (closing == len(data) - 1) | np.isin(after, [delimiter, LF, CR, QUOTE])
    if not (fine_before.all() and fine_after.all()):
        raise CsvFault(
            "ClientInputError : Failed to parse CSV. Found unescaped quote. A value with quote should "
            "be within a quote"
        )


def _records(
    data: npt.NDArray[np.uint8], quotes: npt.NDArray[np.int64], width: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where each record (the header too) starts, and where it stops with its ending; blank lines are none."""
    ends = _outside(np.flatnonzero(data == LF), quotes)
    if not len(ends) or ends[-1] != len(data) - 1:
        ends = np.append(ends, len(data) - 1 + width)
    starts = np.concatenate([[0], ends[:-1] + 1])
    filled = ends - starts >= width
    return starts[filled], np.minimum(ends[filled] + 1, len(data))


def _check_endings(data: npt.NDArray[np.uint8], quotes: npt.NDArray[np.int64], line_ending: str) -> None:
    returns = _outside(np.flatnonzero(data == CR), quotes)
    ends = _outside(np.flatnonzero(data == LF), quotes)
    fine = not len(returns) if line_ending == "LF" else np.array_equal(returns + 1, ends)
    if not fine:
        raise CsvFault(
            "ClientInputError : LineEnding is invalid on user data. "
            f"Current LineEnding setting is {line_ending}"
        )


def layout(content: bytes, line_ending: str, delimiter: str, batch_rows: int) -> Layout:
    """Cut a file into batches. Raises CsvFault."""
    data = np.frombuffer(content, dtype=np.uint8)
    quotes = np.flatnonzero(data == QUOTE)
    if len(data):
        _check_quotes(data, quotes, ord(delimiter))
        _check_endings(data, quotes, line_ending)
    starts, stops = _records(data, quotes, len(LINE_ENDINGS[line_ending]))
    if not len(starts):
        raise CsvFault("InvalidBatch : Records not found for this job")
    try:
        line = content[int(starts[0]) : int(stops[0])].decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise CsvFault("ClientInputError : Failed to parse CSV. The content is not UTF-8") from None
    header = next(csv.reader(io.StringIO(line, newline=""), delimiter=delimiter), [])
    slices = [
        Slice(
            int(starts[at]),
            int(stops[min(at + batch_rows, len(starts)) - 1]),
            min(batch_rows, len(starts) - at),
            at - 1,
        )
        for at in range(1, len(starts), batch_rows)
    ]
    return Layout(header, len(line), slices)


def lines(chunk: bytes, line_ending: str) -> list[bytes]:
    """The records of a batch as they were sent, each with its line ending."""
    data = np.frombuffer(chunk, dtype=np.uint8)
    ending = LINE_ENDINGS[line_ending]
    starts, stops = _records(data, np.flatnonzero(data == QUOTE), len(ending))
    found = [chunk[start:stop] for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]
    if found and not found[-1].endswith(ending):
        found[-1] += ending
    return found


def _read(
    chunk: bytes, names: list[str], types: dict[str, pa.DataType], delimiter: str, block: int
) -> pl.DataFrame:
    table = pc.read_csv(
        pa.BufferReader(chunk),
        read_options=pc.ReadOptions(column_names=names, block_size=block),
        parse_options=pc.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pc.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=False),
    )
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame.rechunk()


def read_text(chunk: bytes, columns: int, delimiter: str) -> pl.DataFrame:
    """Every cell as text, empty ones as "". Columns are named by position. Raises CsvFault."""
    names = [str(number) for number in range(columns)]
    types = dict.fromkeys(names, pa.string())
    for block in (BLOCK, len(chunk) + 1):
        try:
            return _read(chunk, names, types, delimiter, block)
        except pa.ArrowInvalid as failed:
            # A record longer than a block is read in one piece; anything else is the file's fault.
            text = str(failed)
        if "straddling" not in text:
            break
    kind = (
        "content is not UTF-8" if "UTF8" in text else "number of fields in a record differs from the header"
    )
    raise CsvFault(f"ClientInputError : Failed to parse CSV. The {kind}")


def read_cells(
    chunk: bytes, dtypes: list[pl.DataType | None], delimiter: str, null_token: str
) -> pl.DataFrame:
    """Cells as numbers where a column is numeric and every cell of it is a number or empty, else as text.

    `dtypes` has a numeric type or None for each column. Raises CsvFault.
    """
    if any(dtypes) and null_token.encode() not in chunk:
        names = [str(number) for number in range(len(dtypes))]
        types = {
            name: pa.string() if dtype is None else ARROW_TYPES[type(dtype)]
            for name, dtype in zip(names, dtypes, strict=True)
        }
        try:
            return _read(chunk, names, types, delimiter, BLOCK)
        except pa.ArrowInvalid:
            # Some cell isn't a number of that type; as text, the row can be refused by itself.
            pass
    return read_text(chunk, len(dtypes), delimiter)
