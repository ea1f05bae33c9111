"""The table Radiograph: images in Document, or as files on the practice's share that a path points to."""

import numpy as np
import polars as pl

from migration_sandbox.practice.draw import LAST_DAY, Ints, office_times, shifted, stream
from migration_sandbox.practice.images import Image, jpeg, picture, png
from migration_sandbox.practice.plans import Book
from migration_sandbox.practice.register import Register
from migration_sandbox.practice.schema import as_table
from migration_sandbox.practice.tooth_sites import MOUTH, QUADRANT, TOOTH, written

SHARE = "\\\\PANDA01\\Images"
_FIRST = 500_000
_PANORAMIC, _BITEWING, _PERIAPICAL = range(3)
_TYPES = ("Panoramic", "Bitewing", "Periapical")
_SITES = (MOUTH, QUADRANT, TOOTH)
# Each kind's size in pixels and whether it is a JPEG. Small, but for a few as large as a sensor makes them.
_SIZES = ((192, 96, True), (96, 72, False), (64, 88, False))
_LARGE = 2


def _images() -> list[list[Image]]:
    """Eight pictures of each kind, the same in every practice."""
    rng = stream(0, "image")
    return [
        [(jpeg if packed else png)(picture(rng, width, height)) for _ in range(8)]
        for width, height, packed in _SIZES
    ]


def _taken(rng: np.random.Generator, register: Register, book: Book) -> tuple[Ints, Ints, Ints, Ints]:
    """Patient, exam, kind and tooth: a panoramic at most first exams, bitewings later, the teeth of plans."""
    order, starts, counts = register.by_patient()
    everybody = np.arange(len(counts))
    first = everybody[rng.random(len(everybody)) < 0.8]
    later = everybody[(counts > 1) & (rng.random(len(everybody)) < 0.5)]
    planned = np.flatnonzero(rng.random(len(book.patient)) < 0.7)
    patient = np.concatenate([first, later, book.patient[planned]])
    exam = np.concatenate([order[starts[first]], order[starts[later] + 1], book.exam[planned]])
    kind = np.repeat([_PANORAMIC, _BITEWING, _PERIAPICAL], [len(first), len(later), len(planned)])
    tooth = np.concatenate([rng.integers(0, 32, len(first) + len(later)), book.tooth[planned]])
    return patient, exam, kind, tooth


def radiographs(
    register: Register, book: Book, first_document: int
) -> tuple[pl.DataFrame, pl.DataFrame, dict[int, bytes]]:
    """The table Radiograph, its rows of Document, and by RadiographID the content of files on the share."""
    rng = stream(register.seed, "radiograph")
    patient, exam, kind, tooth = _taken(rng, register, book)
    count = len(patient)
    ids = _FIRST + np.arange(count)
    stored = rng.random(count) < 0.5
    document = first_document + np.cumsum(stored) - 1
    at = office_times(rng, np.minimum(register.exam_days()[exam], LAST_DAY))
    pool = _images()
    place = rng.integers(0, len(pool[0]), count)
    images = [pool[which][number] for which, number in zip(kind.tolist(), place.tolist(), strict=True)]
    for position in np.flatnonzero(stored)[:_LARGE]:
        images[position] = png(picture(rng, 1600, 800))
    contents = [
        image.with_comment(f"radiograph {key}") for image, key in zip(images, ids.tolist(), strict=True)
    ]
    suffix = pl.Series([image.suffix for image in images])
    name = "IMG_" + pl.Series(ids).cast(pl.String) + "." + suffix
    path = SHARE + "\\" + pl.Series(at).dt.strftime("%Y") + "\\" + name
    kept = pl.Series(stored)
    site = written(register.numbering[exam], np.array(_SITES)[kind], tooth)
    frame = pl.DataFrame(
        {
            "RadiographID": ids,
            "PatientID": register.patient_ids.gather(patient),
            "ToothSite": site.set(pl.Series((kind == _PANORAMIC) & (rng.random(count) < 0.5)), None),
            "ImageType": pl.Series(_TYPES).gather(kind),
            "TakenAt": at,
            "FilePath": path.set(kept, None),
            "DocumentID": pl.Series(document).set(~kept, None),
            "ModifiedAt": shifted(rng, at, 1, 60),
        }
    )
    papers = pl.DataFrame(
        {
            "DocumentID": pl.Series(document),
            "PatientID": frame["PatientID"],
            "FileName": name,
            "MimeType": pl.Series([image.mime_type for image in images]),
            "Content": pl.Series(contents, dtype=pl.Binary),
            "CreatedAt": at,
            "ModifiedAt": frame["ModifiedAt"],
        }
    ).filter(kept)
    on_share = {
        key: content
        for key, content, inside in zip(ids.tolist(), contents, stored, strict=True)
        if not inside
    }
    return as_table("Radiograph", frame), as_table("Document", papers), on_share


def share_files(table: pl.DataFrame, contents: dict[int, bytes]) -> dict[str, bytes]:
    """Files of the share by their path in it, with ``/``, for the paths that the table now has."""
    paths = dict(table.drop_nulls("FilePath").select("RadiographID", "FilePath").iter_rows())
    return {
        paths[key].removeprefix(SHARE + "\\").replace("\\", "/"): content
        for key, content in contents.items()
        if key in paths
    }
