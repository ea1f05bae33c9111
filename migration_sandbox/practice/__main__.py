"""Command line: write a practice's database and its manifest.

python -m migration_sandbox.practice --out DIR/panda_maple.duckdb --seed 7 --patients 200 --manifest F
"""

import argparse
from pathlib import Path
from typing import get_args

from migration_sandbox.practice.generator import Tables, generate, write_database, write_share
from migration_sandbox.practice.nhanes import nhanes_practice
from migration_sandbox.practice.teeth import HABITS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m migration_sandbox.practice", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="database file to create")
    parser.add_argument("--manifest", type=Path, help="JSON of counts, planted defects and canaries to write")
    parser.add_argument("--name", help="the practice's key in the manifest (default: maple, or nhanes)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--exams", type=float, default=5.0, help="exams a patient, on average")
    parser.add_argument("--numbering", choices=HABITS, default="Universal")
    parser.add_argument("--defects", type=int, default=1, help="how many times each defect is planted")
    parser.add_argument("--canaries", type=int, default=6, help="patients made of searchable tokens")
    parser.add_argument(
        "--tables", choices=get_args(Tables), default="charting", help="the four of charting, or all"
    )
    parser.add_argument("--share", type=Path, help="folder for the files of the image share (all tables)")
    parser.add_argument("--nhanes", action="store_true", help="the three public NHANES patients instead")
    chosen = parser.parse_args()
    if chosen.nhanes:
        practice = nhanes_practice(chosen.name or "nhanes")
    else:
        practice = generate(
            chosen.seed,
            chosen.patients,
            name=chosen.name or "maple",
            exams_per_patient=chosen.exams,
            numbering=chosen.numbering,
            planted=chosen.defects,
            canaries=chosen.canaries,
            tables=chosen.tables,
        )
    write_database(practice, chosen.out)
    if chosen.share:
        write_share(practice, chosen.share)
    if chosen.manifest:
        practice.manifest.write(chosen.manifest)
    counted = ", ".join(f"{rows} {table}" for table, rows in practice.manifest.counts.items())
    print(f"{chosen.out}: {counted}")


if __name__ == "__main__":
    main()
