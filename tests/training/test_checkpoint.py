"""A checkpoint is whole, or the one before is."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest
import torch

from kwsd.errors import InputError
from kwsd.training import checkpoint
from kwsd.training.checkpoint import of_this_run, restore, save


class FullDisk(io.RawIOBase):
    """Takes so many bytes and no more."""

    def __init__(self, room: int) -> None:
        self._room = room

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        assert isinstance(data, (bytes, bytearray, memoryview))
        self._room -= len(data)
        if self._room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return len(data)


@pytest.mark.parametrize("room", [0, 10_000])
def test_a_full_disk_is_told_as_one(room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch makes a RuntimeError of it, where it cannot close its archive."""

    @contextmanager
    def replacing(_path: Path, *, durable: bool) -> Iterator[BinaryIO]:
        assert durable
        yield FullDisk(room)  # type: ignore[misc]  # all of a file that torch asks for

    monkeypatch.setattr(checkpoint, "replacing", replacing)
    with pytest.raises(OSError, match="No space left"):
        save({"weights": torch.zeros(10_000)}, tmp_path / "checkpoint.pt")


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    save({"weights": torch.arange(3)}, tmp_path / "checkpoint.pt")
    found = restore(tmp_path / "checkpoint.pt")
    assert found is not None
    assert found["weights"].tolist() == [0, 1, 2]
    assert restore(tmp_path / "none.pt") is None


class Code:
    """Unpickled, it makes a folder."""

    def __init__(self, made: Path) -> None:
        self._made = made

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self._made),)


def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path: Path) -> None:
    torch.save({"step": Code(tmp_path / "ran")}, tmp_path / "checkpoint.pt")
    with pytest.raises(InputError, match="not a checkpoint of kwsd"):
        restore(tmp_path / "checkpoint.pt")
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_that_cannot_be_opened_is_not_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").mkdir()
    with pytest.raises(InputError, match=r"checkpoint\.pt: cannot be read \(Is a directory\)"):
        restore(tmp_path / "checkpoint.pt")


def test_what_cannot_be_saved_leaves_the_checkpoint_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save({"step": 1}, tmp_path / "checkpoint.pt")

    def fail(_state: object, file: BinaryIO) -> None:
        file.write(b"a part")
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", fail)
        with pytest.raises(RuntimeError, match="out of memory"):
            save({"step": 2}, tmp_path / "checkpoint.pt")
    assert restore(tmp_path / "checkpoint.pt") == {"step": 1}


@pytest.mark.parametrize("error", [AttributeError, KeyError, RuntimeError, TypeError, ValueError])
def test_a_state_that_does_not_fit_is_told_as_that_of_another_run(error: type[Exception]) -> None:
    with (
        pytest.raises(InputError, match=r"c\.pt: the checkpoint of another run, .*use --fresh to start over"),
        of_this_run(Path("c.pt")),
    ):
        raise error("does not fit")


@pytest.mark.parametrize("damaged", [b"no archive at all", None])
def test_a_damaged_one_is_told_in_a_line_with_what_to_do(damaged: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save({"weights": torch.arange(1000)}, path)
    path.write_bytes(damaged or path.read_bytes()[:2000])
    with pytest.raises(InputError) as failed:
        restore(path)
    said = "damaged, or not a checkpoint of kwsd; use --fresh to start over, or restore a copy of it"
    assert str(failed.value) == f"{path}: {said}"
