"""A machine that is too slow: audio is dropped and told, the hop widens, nothing grows, and all of it ends."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from patience import PATIENCE_S


def resident_mb(pid: int) -> float:
    """What the process holds in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024


def test_scoring_that_is_slower_than_life(listening: Callable[..., Any], saying: Any, tmp_path: Path) -> None:
    pause = tmp_path / "pause"
    config = tmp_path / "config.toml"
    config.write_text("[audio]\nbuffer_s = 3.0\n")

    def score_in(seconds: float) -> None:
        pause.with_suffix(".new").write_text(f"{seconds}")
        pause.with_suffix(".new").rename(pause)

    score_in(0)
    slow = {"KWSD_TESTS_SCORE_S": str(pause), "KWSD_TESTS_CALM_S": "2"}
    patient = {"KWSD_TESTS_CAPTURE_STALL_S": f"{PATIENCE_S}"}  # audio that comes late is not lost here
    running = listening("--config", config, **slow, **patient)
    saying.until(running, "detection")
    before = resident_mb(running.process.pid)
    score_in(0.6)  # twelve times slower than the hop wants it, and slower than the widest hop allows
    changed = [running.wait_for_event("hop_changed", number) for number in (1, 2, 3)]
    assert [event["hop_ms"] for event in changed] == [100, 200, 400]
    lost = running.wait_for_event("audio_lost")
    assert lost["lost_s"] > 0
    assert resident_mb(running.process.pid) < before + 30
    score_in(0)
    changed = [running.wait_for_event("hop_changed", number) for number in (4, 5, 6)]
    assert [event["hop_ms"] for event in changed] == [200, 100, 50]
    losses = [event["type"] for event in running.events()].count("audio_lost")
    detections = [event["type"] for event in running.events()].count("detection")
    saying.until(running, "detection", detections + 2)
    running.signal(signal.SIGTERM)
    ran = running.wait()
    assert ran.status == 0
    assert [event["type"] for event in ran.events].count("audio_lost") == losses
    assert "windows every 400 ms now" in ran.err
