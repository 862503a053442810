"""A disk that is unmounted: nothing is kept in the folder that shows in its place."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kwsd.daemon.mount import Mount

KEPT = """
import logging, subprocess, sys
from pathlib import Path
import numpy as np
sys.path[:0] = sys.argv[2:]
from kept_clips import sealed
from kwsd.audio.windowing.ring import Ring
from kwsd.daemon.detection_keeper import DetectionKeeper

logging.basicConfig(stream=sys.stdout, format="%(message)s")
ring, stick = Ring(80_000), Path(sys.argv[1])
ring.write(np.zeros(70_000, np.int16), wait=False)
mount = ["mount", "-t", "tmpfs", "tmpfs", stick]
subprocess.run(mount, check=True)
keeper = DetectionKeeper(stick / "kept", {"desk": ring}, quota_bytes=1_000_000, preroll=0, wait=True)

def keep(number):
    keeper.send(sealed(number))
    keeper.catch_up(1)
    print(len([*stick.glob("kept/*.wav")]), (stick / "kept").exists())

keep(0)
subprocess.run(["umount", stick], check=True)
keep(1)
keep(2)
subprocess.run(mount, check=True)
keep(3)
"""


@pytest.fixture
def alone() -> list[str]:
    """The command that gives another one mounts of its own."""
    command = ["unshare", "--map-root-user", "--mount"]
    tools = all(map(shutil.which, ["unshare", "mount", "umount"]))
    if not tools or subprocess.run([*command, "true"], check=False, capture_output=True).returncode:
        pytest.skip("takes unshare, and a kernel that lets us use it")
    return command


def test_nothing_is_kept_while_the_disk_is_not_mounted(tmp_path: Path, alone: list[str]) -> None:
    paths = [path for path in sys.path if path]
    command = [*alone, sys.executable, "-c", KEPT, tmp_path, *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    unmounted = f"{tmp_path / 'kept'}: detections cannot be kept: its disk is not mounted any more"
    assert done.stdout.splitlines() == ["1 True", unmounted, "0 False", "0 False", "1 True"]
    assert [*tmp_path.iterdir()] == []


def test_a_folder_on_the_root_disk_is_always_there() -> None:
    Mount(Path("/")).check()
