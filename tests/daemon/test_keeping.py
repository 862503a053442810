"""The audio of what fired, on disk."""

from __future__ import annotations

import os
import threading
import wave
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from patience import PATIENCE_S

from kwsd.audio.ring import Ring
from kwsd.daemon import keeping
from kwsd.daemon.keeping import QUEUE, DetectionKeeper, make_folder
from kwsd.errors import DeviceError
from kwsd.events import Detection, Envelope, SpeechStarted

BEGAN = datetime(2026, 11, 21, 12, 0, 0, 250_000, tzinfo=timezone.utc)


def sealed(number: int = 0, start: int = 48_000, at: int = 64_000, word: str = "stop") -> Envelope:
    event = Detection("desk", word, 0.9975, 0.9, start, at - 1600, at, "tiny")
    return Envelope(event, number, BEGAN + timedelta(seconds=number))


@pytest.fixture
def ring() -> Ring:
    ring = Ring(80_000)
    ring.write(np.arange(70_000).astype(np.int16), wait=False)
    return ring


@pytest.fixture
def keep(ring: Ring, tmp_path: Path) -> Iterator[Callable[..., DetectionKeeper]]:
    """Makes keepers of the folder "kept"; none of them may fail."""
    failures: list[BaseException] = []
    made: list[DetectionKeeper] = []

    def make(**options: Any) -> DetectionKeeper:
        settings = {"quota_bytes": 1_000_000, "preroll": 16_000, "failed": failures.append, **options}
        made.append(DetectionKeeper(tmp_path / "kept", {"desk": ring}, **settings))
        return made[-1]

    yield make
    for keeper in made:
        keeper.close(60)
    assert failures == []


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "kept").iterdir())


def test_a_detection_is_kept_with_what_came_before_it(keep: Callable[..., DetectionKeeper], tmp_path: Path) -> None:
    keeper = keep()
    keeper.send(Envelope.seal(SpeechStarted("desk", 0), 1))
    keeper.send(sealed())
    keeper.close(60)
    assert kept(tmp_path) == ["20261121T120000.250000Z-stop-0.9975.wav"]
    path = tmp_path / "kept" / kept(tmp_path)[0]
    assert (path.stat().st_mode & 0o777, (tmp_path / "kept").stat().st_mode & 0o777) == (0o600, 0o700)
    with wave.open(str(path)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16_000, 1, 2)
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
    np.testing.assert_array_equal(samples, np.arange(32_000, 64_000).astype(np.int16))


def test_the_ring_may_have_forgotten_some_of_it(
    keep: Callable[..., DetectionKeeper], ring: Ring, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = keep()
    ring.write(np.zeros(60_000, np.int16), wait=False)  # it begins at sample 50,000 now
    keeper.send(sealed(1))
    keeper.send(sealed(2, start=10_000, at=20_000))
    keeper.close(60)
    (name,) = kept(tmp_path)
    with wave.open(str(tmp_path / "kept" / name)) as sound:
        assert sound.getnframes() == 14_000
    assert "its audio has been overwritten" in caplog.text


def test_the_oldest_go_first_and_nobody_elses_files(keep: Callable[..., DetectionKeeper], tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "diary.wav").write_bytes(bytes(500_000))
    left = tmp_path / "kept" / "20261121T110000.250Z-stop-0.998.wav.part"  # by one that was killed
    left.write_bytes(b"")
    os.utime(left, (1.0, 1.0))
    (tmp_path / "kept" / "20261121T110000.251Z-stop-0.998.wav.part").write_bytes(b"")  # another daemon's
    keeper = keep(quota_bytes=200_000)  # three of 64,044 bytes
    for number in range(5):
        keeper.send(sealed(number))
    keeper.close(60)
    assert [name[:15] for name in kept(tmp_path)] == [
        "20261121T110000",
        "20261121T120002",
        "20261121T120003",
        "20261121T120004",
        "diary.wav",
    ]
    keep(quota_bytes=70_000).close(60)  # a smaller quota holds from the start
    assert [name[:15] for name in kept(tmp_path)] == ["20261121T110000", "20261121T120004", "diary.wav"]


def test_a_word_twice_in_one_millisecond_is_kept_twice(keep: Callable[..., DetectionKeeper], tmp_path: Path) -> None:
    keeper = keep()
    first = sealed()
    keeper.send(first)
    keeper.send(replace(first, time=first.time + timedelta(microseconds=1)))
    keeper.close(60)
    assert len(kept(tmp_path)) == 2


def test_a_words_name_cannot_lead_out_of_the_folder(keep: Callable[..., DetectionKeeper], tmp_path: Path) -> None:
    keeper = keep()
    keeper.send(sealed(word="../../etc/passwd"))
    keeper.close(60)
    assert kept(tmp_path) == ["20261121T120000.250000Z-_etc_passwd-0.9975.wav"]


def test_a_word_may_be_longer_than_a_files_name(keep: Callable[..., DetectionKeeper], tmp_path: Path) -> None:
    keeper = keep()
    keeper.send(sealed(word=100 * "\U00010330"))  # Gothic ahsa, four bytes
    keeper.close(60)
    assert len(kept(tmp_path)) == 1


def test_a_word_may_have_letters_that_the_locale_lacks(
    keep: Callable[..., DetectionKeeper], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kwsd.daemon.keeping.os.fsencode", lambda name: name.encode("ascii"))
    keeper = keep()
    keeper.send(sealed(word="Türklingel"))
    keeper.close(60)
    assert kept(tmp_path) == ["20261121T120000.250000Z-T_rklingel-0.9975.wav"]


def test_a_disk_that_takes_nothing_is_told_once(
    keep: Callable[..., DetectionKeeper], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = keep()
    (tmp_path / "kept").rmdir()
    for number in range(3):
        keeper.send(sealed(number))
    keeper.close(60)
    assert caplog.text.count("cannot be kept") == 1


def test_a_folder_that_became_a_file_stops_nothing_else(
    keep: Callable[..., DetectionKeeper], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = keep()
    (tmp_path / "kept").rmdir()
    (tmp_path / "kept").write_text("somebody else's")
    keeper.send(sealed())
    keeper.close(60)
    assert caplog.text.count("cannot be kept") == 1


def test_a_label_of_any_length_makes_a_name(keep: Callable[..., DetectionKeeper], tmp_path: Path) -> None:
    keeper = keep()
    keeper.send(sealed(word="the sound of a dog that barks " * 20))
    keeper.send(sealed(1, word="\u732b" * 300))
    keeper.close(60)
    assert [name[:33] for name in kept(tmp_path)] == [
        "20261121T120000.250000Z-the_sound",
        "20261121T120001.250000Z-" + 9 * "\u732b",
    ]


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


def test_what_a_wrong_clock_has_named_goes_before_what_is_new(
    keep: Callable[..., DetectionKeeper], tmp_path: Path
) -> None:
    (tmp_path / "kept").mkdir()
    for number in range(2):
        (tmp_path / "kept" / f"20990101T00000{number}.000Z-stop-0.999.wav").write_bytes(bytes(50_000))
    keeper = keep(quota_bytes=150_000)
    for number in range(2):
        keeper.send(sealed(number))
    keeper.close(60)
    assert [name[:15] for name in kept(tmp_path)] == ["20261121T120000", "20261121T120001"]


def test_one_that_cannot_be_removed_does_not_keep_the_others(
    keep: Callable[..., DetectionKeeper], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stuck = tmp_path / "kept" / "20250101T000000.000Z-stop-0.999.wav"
    stuck.mkdir(parents=True)  # unlink(2) refuses a folder, also to root
    (tmp_path / "kept" / "20250101T000001.000Z-stop-0.999.wav").write_bytes(bytes(50_000))
    keeper = keep()
    keeper._quota.most = 70_000
    keeper.send(sealed())
    keeper._quota.most = 1
    keeper.send(sealed(1))
    keeper.close(60)
    assert [name[:15] for name in kept(tmp_path)] == ["20250101T000000"]
    assert caplog.text.count("a detection cannot be removed beyond the quota") == 1


def test_one_that_cannot_be_removed_at_the_start_stops_nothing(
    keep: Callable[..., DetectionKeeper], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "kept" / "20250101T000000.000Z-stop-0.999.wav").mkdir(parents=True)
    keeper = keep(quota_bytes=1)
    assert caplog.text.count("a detection cannot be removed beyond the quota") == 1
    keeper.send(sealed())
    keeper.close(60)
    assert caplog.text.count("a detection cannot be removed beyond the quota") == 1


def test_a_folder_that_is_closed_to_us(tmp_path: Path, ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(**_: object) -> None:  # to root, who runs many tests, no folder is
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr("tempfile.TemporaryFile", closed)
    with pytest.raises(DeviceError, match="cannot be kept there: Permission denied; choose another"):
        DetectionKeeper(tmp_path, {"desk": ring}, quota_bytes=1, preroll=0)


def test_where_some_go_room_is_made_for_more_than_one(
    keep: Callable[..., DetectionKeeper], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of thousands is not looked through for each detection."""
    (tmp_path / "kept").mkdir()
    for number in range(1000):
        (tmp_path / "kept" / f"20250101T000000.{number:03d}Z-stop-0.999.wav").write_bytes(bytes(6_400))
    keeper = keep(quota_bytes=6_400_000)
    listed: list[str] = []
    tidy = keeper._quota.tidy
    monkeypatch.setattr(keeper._quota, "tidy", lambda newest: (listed.append(newest), tidy(newest)))
    for number in range(8):
        keeper.send(sealed(number))
    keeper.close(60)
    assert 0 < len(listed) < 8
    assert sum(path.stat().st_size for path in (tmp_path / "kept").iterdir()) <= 6_400_000
    assert [name[:8] for name in kept(tmp_path)].count("20261121") == 8


class SlowDisk:
    """Writes when it is let."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.turns = threading.Semaphore(0)
        write = keeping.write_wav
        monkeypatch.setattr(keeping, "write_wav", lambda file, samples: (self.turns.acquire(), write(file, samples)))


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
