from __future__ import annotations

import resource
import sys
from contextlib import contextmanager

import pytest

from kwsd.errors import DeviceError, OutputError
from kwsd.evaluation.output_files import output, save_wav


@contextmanager
def little_room():
    """No file may grow beyond a kilobyte: what a full disk says of it, without one. pytest's own log is one of them."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


def test_what_fails_half_way_leaves_what_was_there(tmp_path):
    (tmp_path / "a.tsv").write_text("old")
    with pytest.raises(TypeError), output(tmp_path / "a.tsv") as file:
        file.writelines([b"new", None])
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.tsv", "old")]


def test_no_room_is_told_as_such_and_nothing_is_left(tmp_path, babble):
    samples = babble(1, 1.0)
    with little_room(), pytest.raises(DeviceError, match=r"a\.wav: cannot be written .*make room"):
        save_wav(tmp_path / "a.wav", samples)
    with little_room(), pytest.raises(DeviceError, match="make room"), output(tmp_path / "a.tsv") as file:
        file.write(bytes(2000))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("folder", ["a.wav", "a.wav.part"])
def test_a_folder_in_the_way_is_told_without_a_fault_beside_it(tmp_path, babble, monkeypatch, folder):
    unraisable = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    (tmp_path / folder).mkdir()
    with pytest.raises(OutputError, match=r"a\.wav: cannot be written \(Is a directory\): name another"):
        save_wav(tmp_path / "a.wav", babble(1, 0.1))
    assert [path.name for path in tmp_path.iterdir()] == [folder]
    assert not unraisable
