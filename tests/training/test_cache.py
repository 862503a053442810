"""What is made once is made whole, and what a killed run left goes."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from kwsd.errors import DeviceError
from kwsd.training.cache import caching


def test_a_full_disk_is_an_error_and_leaves_nothing(
    tmp_path: Path, full_disk: Callable[[], AbstractContextManager[None]]
) -> None:
    with pytest.raises(DeviceError, match="make room"), full_disk(), caching(tmp_path / "x") as file:
        file.write(bytes(20_000))
    assert list(tmp_path.iterdir()) == []


def test_parts_of_killed_runs_are_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    stale = tmp_path / f"x.{socket.gethostname()}.{ended.pid}.part"
    others = [
        tmp_path / name for name in (f"x.elsewhere.{ended.pid}.part", f"x.{socket.gethostname()}.{os.getppid()}.part")
    ]
    for part in (stale, *others):
        part.touch()
    with caching(tmp_path / "x") as file:
        file.write(b"whole")
    assert (tmp_path / "x").read_bytes() == b"whole"
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "x", *others])  # of those who may still be at it
