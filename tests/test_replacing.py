"""A file is the old one or the new one, whoever fails and whenever."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from kwsd.replacing import replacing, write_bytes


def test_what_fails_half_way_leaves_what_was_there(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"old")
    with pytest.raises(TypeError), replacing(tmp_path / "a") as file:
        file.writelines([b"new", None])  # type: ignore[list-item]  # what fails
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"old")]


def test_until_all_is_written_it_is_the_old_one(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"old")
    with replacing(tmp_path / "a", durable=True) as file:
        file.write(b"new")
        assert (tmp_path / "a").read_bytes() == b"old"
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"new")]


def test_what_is_private_its_owner_alone_may_read(tmp_path: Path) -> None:
    (tmp_path / "a.part").touch(0o644)  # left by one that was killed
    with replacing(tmp_path / "a", private=True) as file:
        assert stat.S_IMODE((tmp_path / "a.part").stat().st_mode) == 0o600
        file.write(b"secret")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_bytes(tmp_path / "none" / "a", b"new")


def test_what_lies_where_the_data_is_gathered_is_neither_followed_nor_waited_for(tmp_path: Path) -> None:
    """Another user who may write there can put it there."""
    (tmp_path / "other").write_bytes(b"precious")
    (tmp_path / "told.json.part").symlink_to(tmp_path / "other")
    write_bytes(tmp_path / "told.json", b"told")
    os.mkfifo(tmp_path / "told.json.part")
    write_bytes(tmp_path / "told.json", b"told again")
    assert not (tmp_path / "told.json").is_symlink()
    assert (tmp_path / "told.json").read_bytes() == b"told again"
    assert (tmp_path / "other").read_bytes() == b"precious"
