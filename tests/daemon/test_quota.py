"""How many detections are kept, and which of them go."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from kept_clips import kept, sealed

from kwsd.daemon.detection_keeper import DetectionKeeper
from kwsd.daemon.quota import Quota


def test_the_oldest_go_first_and_nobody_elses_files(keep: Callable[..., DetectionKeeper], tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "diary.wav").write_bytes(bytes(500_000))
    left = tmp_path / "kept" / "20261121T110000.250Z-stop-0.998.wav.part"  # by one that was killed
    note = tmp_path / "kept" / "20261121T110000.252Z-stop-0.998.wav.txt"  # by whoever listens to them
    for path in (left, note):
        path.write_bytes(b"")
        os.utime(path, (1.0, 1.0))
    (tmp_path / "kept" / "20261121T110000.251Z-stop-0.998.wav.part").write_bytes(b"")  # another daemon's
    keeper = keep(quota_bytes=200_000)  # three of 64,044 bytes
    for number in range(5):
        keeper.send(sealed(number))
    keeper.close(60)
    assert [name[:19] for name in kept(tmp_path)] == [
        "20261121T110000.251",
        "20261121T110000.252",
        "20261121T120002.250",
        "20261121T120003.250",
        "20261121T120004.250",
        "diary.wav",
    ]
    keep(quota_bytes=70_000).close(60)  # a smaller quota holds from the start
    assert [name[:19] for name in kept(tmp_path)] == [
        "20261121T110000.251",
        "20261121T110000.252",
        "20261121T120004.250",
        "diary.wav",
    ]


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
    assert caplog.text.count("an old detection beyond the quota cannot be removed") == 1


def test_one_that_cannot_be_removed_at_the_start_stops_nothing(
    keep: Callable[..., DetectionKeeper], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "kept" / "20250101T000000.000Z-stop-0.999.wav").mkdir(parents=True)
    keeper = keep(quota_bytes=1)
    assert caplog.text.count("an old detection beyond the quota cannot be removed") == 1
    keeper.send(sealed())
    keeper.close(60)
    assert caplog.text.count("an old detection beyond the quota cannot be removed") == 1


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


def test_one_that_cannot_be_removed_keeps_no_other(
    keep: Callable[..., DetectionKeeper], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As another user's in a folder that several share."""
    (tmp_path / "kept").mkdir()
    left = tmp_path / "kept" / "20261121T110000.250Z-stop-0.998.wav.part"
    left.write_bytes(b"")
    os.utime(left, (1.0, 1.0))
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path == left:
            raise PermissionError(errno.EPERM, "Operation not permitted", str(path))
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    keeper = keep(quota_bytes=70_000)  # one of 64,044 bytes
    for number in range(3):
        keeper.send(sealed(number))
    keeper.close(60)
    assert [name[:15] for name in kept(tmp_path)] == ["20261121T110000", "20261121T120002"]


def wav(folder: Path, time: str) -> str:
    """The name of a recording of 900 bytes that was written at this time of a day."""
    name = f"20250101T{time}.000000Z-stop-0.9.wav"
    (folder / name).write_bytes(bytes(900))
    return name


def test_two_daemons_in_one_folder_keep_to_the_quota_together(tmp_path: Path) -> None:
    quotas = [Quota(tmp_path, 10_000) for _ in range(2)]
    for number in range(20):
        quotas[number % 2].wrote(wav(tmp_path, f"0000{number:02d}"), 900)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 10_000


def test_the_newest_goes_last_though_the_clock_was_set_back(tmp_path: Path) -> None:
    for time in ("100000", "110000"):
        wav(tmp_path, time)
    newest = wav(tmp_path, "090000")
    Quota(tmp_path, 1_000).wrote(newest, 900)
    assert [path.name for path in tmp_path.iterdir()] == [newest]


def test_even_a_small_file_that_exceeds_the_quota_makes_room(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"20261121T12000{number}.000Z-stop-0.999.wav").write_bytes(bytes(200))
    quota = Quota(tmp_path, 1000)
    quota.tidy()
    assert len(kept_names := sorted(path.name for path in tmp_path.iterdir())) == 5
    newest = "20261121T120009.000Z-stop-0.999.wav"
    (tmp_path / newest).write_bytes(b"x")
    quota.wrote(newest, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [*kept_names[1:], newest]
