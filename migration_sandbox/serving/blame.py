"""What a server's own log says of an error that nobody foresaw."""

import traceback
from pathlib import Path


def blame(error: BaseException) -> str:
    """Type and place of an unforeseen error, for the log; its message may hold a record's value."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if "migration_sandbox" in frame.filename
    ]
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + place
