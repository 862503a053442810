"""Detections are to be kept in a folder that is missing or closed to us, or on a disk that is full, gone or slow."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from kept_clips import kept, sealed
from patience import PATIENCE_S

from kwsd.audio.windowing.ring import Ring
from kwsd.daemon import detection_keeper
from kwsd.daemon.detection_keeper import QUEUE, DetectionKeeper, make_folder
from kwsd.errors import DeviceError


def test_a_disk_that_takes_nothing_is_told_once(
    keep: Callable[..., DetectionKeeper], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = keep()
    (tmp_path / "kept").rmdir()
    (tmp_path / "kept").symlink_to("nowhere")
    for number in range(3):
        keeper.send(sealed(number))
    keeper.close(60)
    assert caplog.text.count("cannot be kept") == 1


def test_a_disk_that_took_something_meanwhile_is_told_again(
    keep: Callable[..., DetectionKeeper], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper, folder = keep(wait=True), tmp_path / "kept"
    for number in (0, 2):
        folder.rmdir()
        folder.symlink_to("nowhere")
        keeper.send(sealed(number))
        keeper.catch_up(1)
        folder.unlink()
        keeper.send(sealed(number + 1))
        keeper.catch_up(1)
        (folder / kept(tmp_path)[0]).unlink()
    assert caplog.text.count("cannot be kept") == 2


def test_a_folder_that_was_removed_is_made_again(
    keep: Callable[..., DetectionKeeper], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = keep()
    (tmp_path / "kept").rmdir()
    keeper.send(sealed())
    keeper.close(60)
    assert len(kept(tmp_path)) == 1
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700
    assert caplog.text == ""


def test_the_folders_above_are_not_made_again_as_a_disk_may_be_missing_there(
    ring: Ring, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = tmp_path / "disk"
    keeper = DetectionKeeper(disk / "kept", {"desk": ring}, quota_bytes=1_000_000, preroll=0)
    shutil.rmtree(disk)
    keeper.send(sealed())
    keeper.close(60)
    assert caplog.text.count("cannot be kept: No such file or directory") == 1
    assert not disk.exists()


def test_a_folder_that_became_a_file_stops_nothing_else(
    keep: Callable[..., DetectionKeeper], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = keep()
    (tmp_path / "kept").rmdir()
    (tmp_path / "kept").write_text("somebody else's")
    keeper.send(sealed())
    keeper.close(60)
    assert caplog.text.count("cannot be kept") == 1


def test_a_folder_that_cannot_be_made(tmp_path: Path, ring: Ring) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DeviceError, match="cannot be kept there"):
        DetectionKeeper(tmp_path / "file" / "x", {"desk": ring}, quota_bytes=1, preroll=0)


@pytest.mark.parametrize(
    ("below", "why"),
    [
        ("talk.wav", "kept there: a file, not a folder;"),
        ("dang", "kept there: a link to nowhere;"),
        ("dang/kept", "dang is a link to nowhere;"),
        ("talk.wav/kept", "Not a directory;"),
    ],
)
def test_what_is_in_the_folder_s_place_is_told(tmp_path: Path, below: str, why: str) -> None:
    (tmp_path / "talk.wav").write_bytes(b"")
    (tmp_path / "dang").symlink_to(tmp_path / "nowhere")
    with pytest.raises(DeviceError) as caught:
        make_folder(tmp_path / below)
    assert f"{why} choose another with --save-detections" in str(caught.value)


def test_a_folder_that_is_closed_to_us(tmp_path: Path, ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(**_: object) -> None:  # to root, who runs many tests, no folder is
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr("tempfile.TemporaryFile", closed)
    with pytest.raises(DeviceError, match="cannot be kept there: Permission denied; choose another"):
        DetectionKeeper(tmp_path, {"desk": ring}, quota_bytes=1, preroll=0)


class SlowDisk:
    """Writes when it is let."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.turns = threading.Semaphore(0)
        write = detection_keeper.write_wav
        late = lambda file, samples: (self.turns.acquire(), write(file, samples))  # noqa: E731  # one line, used once
        monkeypatch.setattr(detection_keeper, "write_wav", late)


def test_a_recording_waits_for_a_slow_disk(
    keep: Callable[..., DetectionKeeper], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, keeper = SlowDisk(monkeypatch), keep(wait=True, quota_bytes=10_000_000)
    for number in range(2 * QUEUE):
        keeper.send(sealed(number))
    waiting = threading.Thread(target=keeper.catch_up)
    waiting.start()
    disk.turns.release(QUEUE)
    waiting.join(0.1)
    assert waiting.is_alive()
    disk.turns.release(QUEUE)
    waiting.join(PATIENCE_S)
    assert not waiting.is_alive()
    keeper.catch_up(1)
    assert len(kept(tmp_path)) == 2 * QUEUE


def test_who_stops_waits_no_longer_and_is_told_what_is_lost(
    keep: Callable[..., DetectionKeeper], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    disk, keeper = SlowDisk(monkeypatch), keep(wait=True)
    for number in range(3):
        keeper.send(sealed(number))
    waiting = threading.Thread(target=keeper.catch_up, args=(1,))
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    keeper.hurry()
    waiting.join(PATIENCE_S)
    assert not waiting.is_alive()
    keeper.close(0.1)
    assert "detections not kept: 3; the disk is too slow" in caplog.text
    disk.turns.release(3)


def test_a_microphone_does_not_wait_for_a_slow_disk(
    keep: Callable[..., DetectionKeeper],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk, keeper = SlowDisk(monkeypatch), keep(quota_bytes=10_000_000)
    for number in range(QUEUE + 1):
        keeper.send(sealed(number))
    assert caplog.text.count("is not kept: the disk is too slow") == 1
    disk.turns.release(QUEUE)
    keeper.close(PATIENCE_S)
    assert len(kept(tmp_path)) == QUEUE


def test_nobody_waits_for_a_thread_that_has_died(ring: Ring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a fault")

    monkeypatch.setattr(detection_keeper, "write_wav", fail)
    failures: list[BaseException] = []
    options = {"quota_bytes": 1_000_000, "preroll": 0, "wait": True}
    keeper = DetectionKeeper(tmp_path / "kept", {"desk": ring}, failed=failures.append, **options)
    keeper.send(sealed())
    waiting = threading.Thread(target=keeper.catch_up, args=(1,), daemon=True)
    waiting.start()
    waiting.join(PATIENCE_S)
    assert not waiting.is_alive()
    assert [str(error) for error in failures] == ["a fault"]
