"""What was measured, as tables."""

from __future__ import annotations

import pytest

from kwsd.benchmark.daemon_run import DaemonRun
from kwsd.benchmark.figures import Bench, EngineFigures


@pytest.mark.parametrize(
    ("heard", "spoken", "told"),
    [
        (5, 21, "60, 140, 150 ms (5 of 21 words)"),
        (5, None, "60, 140, 150 ms (5 words)"),
        (0, 21, "none heard"),
    ],
)
def test_latencies_tell_of_how_many_words_they_are(heard: int, spoken: int | None, told: str) -> None:
    life = DaemonRun(0.5, 100.0, 120.0, 0.01, 0.001, (60.0, 140.0, 150.0) if heard else None, heard, spoken)
    engine = EngineFigures("onnx", "cpu", 0.2, 100.0, (), hop=800)
    *_, daemon = Bench("model", "talk.wav", (engine,), life).tables()
    assert daemon.rows[-1][1] == told
