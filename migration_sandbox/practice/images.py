"""Small greyscale images as PNG and JPEG, written by hand: what stands in for radiographs.

A picture is drawn and packed once; ``Image.with_comment`` gives each radiograph bytes of its own for the cost
of a copy.
"""

import struct
from dataclasses import dataclass
from zlib import compress, crc32

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

# Annex K.3 of ITU-T T.81: how many DC codes of each length from 1, for the categories 0 to 11.
_DC_LENGTHS = (0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0)
# No block has AC coefficients, so their table has a single code of one bit, the end of block.
_AC_LENGTHS = (1,) + (0,) * 15
_DC_STEP = 8


@dataclass(frozen=True)
class Image:
    """A packed picture, cut where a comment may stand."""

    mime_type: str
    suffix: str
    head: bytes
    tail: bytes

    def with_comment(self, comment: str) -> bytes:
        """The file with an ASCII comment in it."""
        text = comment.encode("ascii")
        if self.suffix == "png":
            return self.head + _chunk(b"tEXt", b"Comment\0" + text) + self.tail
        return self.head + _segment(0xFE, text) + self.tail


def picture(rng: np.random.Generator, width: int, height: int, grain: float = 6.0) -> Pixels:
    """Bright roots on dark ground, with grain; no anatomy."""
    y, x = np.mgrid[0:height, 0:width]
    grey = 40 + 30 * y / height
    for place in range(4):
        middle = width * (place + 0.5) / 4 + rng.uniform(-3, 3)
        wide, deep = width * rng.uniform(0.07, 0.1), height * rng.uniform(0.32, 0.42)
        grey = np.where(((x - middle) / wide) ** 2 + ((y - height / 2) / deep) ** 2 < 1, 190.0, grey)
    pixels: Pixels = np.clip(grey + rng.normal(0, grain, grey.shape), 0, 255).astype(np.uint8)
    return pixels


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc32(kind + body))


def png(pixels: Pixels) -> Image:
    """8-bit greyscale, every row with filter 0 (PNG, third edition)."""
    height, width = pixels.shape
    rows = np.hstack([np.zeros((height, 1), np.uint8), pixels])
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    head = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header)
    return Image(
        "image/png", "png", head, _chunk(b"IDAT", compress(rows.tobytes(), 6)) + _chunk(b"IEND", b"")
    )


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _dc_codes() -> list[str]:
    """The canonical Huffman code of each DC category (T.81, annex C)."""
    codes, code = [], 0
    for length, count in enumerate(_DC_LENGTHS, start=1):
        for _ in range(count):
            codes.append(f"{code:0{length}b}")
            code += 1
        code <<= 1
    return codes


def jpeg(pixels: Pixels) -> Image:
    """Baseline greyscale JPEG whose blocks of 8 by 8 pixels are flat: DC coefficients only.

    ``pixels`` must measure whole blocks.
    """
    height, width = pixels.shape
    levels = np.rint(pixels.reshape(height // 8, 8, width // 8, 8).mean(axis=(1, 3))).astype(int) - 128
    codes, bits, before = _dc_codes(), [], 0
    for level in levels.ravel().tolist():
        difference, before = level - before, level
        size = abs(difference).bit_length()
        magnitude = difference if difference > 0 else difference + (1 << size) - 1
        bits.append(codes[size] + (f"{magnitude:0{size}b}" if size else "") + "0")
    stream = "".join(bits)
    stream += "1" * (-len(stream) % 8)
    scan = int(stream, 2).to_bytes(len(stream) // 8, "big").replace(b"\xff", b"\xff\0")
    head = b"\xff\xd8" + _segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    tail = (
        _segment(0xDB, b"\0" + bytes([_DC_STEP] * 64))
        + _segment(0xC0, struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0")
        + _segment(0xC4, b"\0" + bytes(_DC_LENGTHS) + bytes(range(12)))
        + _segment(0xC4, b"\x10" + bytes(_AC_LENGTHS) + b"\0")
        + _segment(0xDA, b"\1\1\0\0\x3f\0")
    )
    return Image("image/jpeg", "jpg", head, tail + scan + b"\xff\xd9")
