"""Paths as PANDA writes them, and the files of the practice's share that they lead to, or don't."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from migration_assets.errors import ConfigurationError
from migration_assets.panda.settings import SourceSettings
from migration_assets.panda.share import SHARE_FILES_COLUMNS, FileProblem, FileShare, look_at_files

IMAGES = "\\\\PANDA01\\Images"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The mounted share, with a file beside it that no path may reach."""
    share = tmp_path / "share"
    (share / "2019").mkdir(parents=True)
    (share / "2019" / "IMG_1.png").write_bytes(b"one")
    (tmp_path / "secret.png").write_bytes(b"secret")
    return share


@pytest.mark.parametrize(
    "path",
    [
        "\\\\PANDA01\\Images\\2019\\IMG_1.png",
        "\\\\panda01\\IMAGES\\2019\\IMG_1.png",
        "//PANDA01/Images/2019/IMG_1.png",
        "\\\\PANDA01\\Images\\\\2019/.\\IMG_1.png  ",
        "\\\\PANDA01\\Images\\2020\\..\\2019\\IMG_1.png",
        "\\\\PANDA01\\Images\\2019\\img_1.PNG",
    ],
)
def test_a_path_is_read_as_windows_reads_it(folder: Path, path: str) -> None:
    assert FileShare({IMAGES: folder}).locate(path) == folder / "2019" / "IMG_1.png"


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("\\\\PANDA02\\Images\\2019\\IMG_1.png", FileProblem.SHARE_NOT_MAPPED),
        ("\\\\PANDA01\\Images2\\2019\\IMG_1.png", FileProblem.SHARE_NOT_MAPPED),
        ("\\PANDA01\\Images\\2019\\IMG_1.png", FileProblem.SHARE_NOT_MAPPED),
        ("2019\\IMG_1.png", FileProblem.SHARE_NOT_MAPPED),
        ("", FileProblem.SHARE_NOT_MAPPED),
        ("\\\\PANDA01\\Images\\..\\secret.png", FileProblem.FILE_OUTSIDE_SHARE),
        ("\\\\PANDA01\\Images\\2019/../../share/2019/IMG_1.png", FileProblem.FILE_OUTSIDE_SHARE),
        ("\\\\PANDA01\\Images\\2019\\IMG_2.png", FileProblem.FILE_NOT_FOUND),
        ("\\\\PANDA01\\Images\\2019\\IMG_1.png\\more", FileProblem.FILE_NOT_FOUND),
        ("\\\\PANDA01\\Images\\" + "long" * 100, FileProblem.FILE_NOT_FOUND),
        ("\\\\PANDA01\\Images\\a\0b", FileProblem.FILE_NOT_FOUND),
        ("\\\\PANDA01\\Images\\2019", FileProblem.FILE_UNREADABLE),
    ],
)
def test_a_path_that_leads_to_no_file_says_why(folder: Path, path: str, problem: FileProblem) -> None:
    assert FileShare({IMAGES: folder}).locate(path) is problem


def test_no_link_leads_out_of_the_share_but_the_share_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    (folder / "out.png").symlink_to(tmp_path / "secret.png")
    (folder / "up").symlink_to(tmp_path)
    (folder / "in.png").symlink_to(folder / "2019" / "IMG_1.png")
    (folder / "round").symlink_to(folder / "round")
    (tmp_path / "mounted").symlink_to(folder)
    share = FileShare({IMAGES: tmp_path / "mounted"})
    assert share.locate(f"{IMAGES}\\out.png") is FileProblem.FILE_OUTSIDE_SHARE
    assert share.locate(f"{IMAGES}\\up\\secret.png") is FileProblem.FILE_OUTSIDE_SHARE
    assert share.locate(f"{IMAGES}\\round") is FileProblem.FILE_UNREADABLE
    assert share.locate(f"{IMAGES}\\in.png") == folder / "2019" / "IMG_1.png"


@hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    names=st.lists(
        st.sampled_from(["..", ".", "", "2019", "up", "out.png", "IMG_1.png", "secret.png", "share"])
    ),
    slashes=st.lists(st.sampled_from(["\\", "/"]), min_size=12),
)
def test_no_path_reaches_a_file_outside(folder: Path, names: list[str], slashes: list[str]) -> None:
    if not (folder / "up").is_symlink():
        (folder / "up").symlink_to(folder.parent)
        (folder / "out.png").symlink_to(folder.parent / "secret.png")
    path = IMAGES + "".join(slash + name for slash, name in zip(slashes, names, strict=False))
    found = FileShare({IMAGES: folder}).locate(path)
    assert isinstance(found, FileProblem) or found == folder / "2019" / "IMG_1.png"


def test_case_counts_where_two_files_differ_in_nothing_else(folder: Path) -> None:
    (folder / "2019" / "img_1.png").write_bytes(b"another")
    share = FileShare({IMAGES: folder})
    assert share.locate(f"{IMAGES}\\2019\\img_1.png") == folder / "2019" / "img_1.png"
    assert share.locate(f"{IMAGES}\\2019\\Img_1.png") is FileProblem.FILE_NOT_FOUND


def test_the_longest_beginning_counts_and_relative_paths_have_one_too(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "a.png").write_bytes(b"old")
    share = FileShare(
        {IMAGES: folder, f"{IMAGES}\\Old": tmp_path / "old", "": folder, "P:\\": tmp_path / "old"}
    )
    assert share.locate(f"{IMAGES}\\OLD\\a.png") == tmp_path / "old" / "a.png"
    assert share.locate("p:/a.png") == tmp_path / "old" / "a.png"
    assert share.locate("2019\\IMG_1.png") == folder / "2019" / "IMG_1.png"
    assert share.locate("Q:\\2019\\IMG_1.png") is FileProblem.SHARE_NOT_MAPPED


def test_files_are_told_by_size_and_md5(folder: Path) -> None:
    large = os.urandom(3 * 2**20 + 1)
    (folder / "large.jpg").write_bytes(large)
    (folder / "empty.jpg").touch()
    paths = [f"{IMAGES}\\{name}" for name in ("empty.jpg", "gone.jpg", "large.jpg")]
    found = look_at_files(paths, FileShare({IMAGES: folder}))
    assert dict(found.schema) == SHARE_FILES_COLUMNS
    assert found.rows() == [
        (paths[0], 0, hashlib.md5(b"").hexdigest(), None),
        (paths[1], None, None, "file_not_found"),
        (paths[2], len(large), hashlib.md5(large).hexdigest(), None),
    ]


def settings(**folders: object) -> SourceSettings:
    usual = {"server": "sql", "database": "panda", "username": "reader", "password": {"env": "MAPLE"}}
    return SourceSettings.model_validate({**usual, "file_share": folders})


def test_a_share_that_is_not_mounted_is_no_share_without_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAPLE_IMAGES", str(folder))
    given = settings(**{IMAGES: {"env": "MAPLE_IMAGES"}})
    assert given.resolved_file_share() == {IMAGES: folder}
    monkeypatch.setenv("MAPLE_IMAGES", str(folder / "gone"))
    with pytest.raises(ConfigurationError, match=r"entry 1 of 'source.file_share'.*mount"):
        given.resolved_file_share()
    monkeypatch.delenv("MAPLE_IMAGES")
    with pytest.raises(ConfigurationError, match="MAPLE_IMAGES is not set"):
        given.resolved_file_share()


def test_one_beginning_in_two_spellings_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="same path but for case and slashes"):
        FileShare({IMAGES: folder, "//panda01/images/": folder})
