"""`kwsd bench` tells what it measured, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

RECORDING = Path(__file__).parents[1] / "recordings" / "commands.flac"


def test_both_engines_and_a_daemon(tiny_model: Path, kwsd: Callable[..., Any]) -> None:
    flags = ("--model", tiny_model, "--seconds", 2, "--device", "cpu")
    ran = kwsd("bench", RECORDING, *flags, "--compare", "--json", "-")
    assert ran.status == 0, ran.err
    told = json.loads(ran.out)
    assert [engine["engine"] for engine in told["engines"]] == ["onnx", "torch"]
    for engine in told["engines"]:
        assert [sound["sound"] for sound in engine["sounds"]] == ["speech", "half", "silence", "noise"]
        assert all(sound["cpu_per_second"] > 0 for sound in engine["sounds"])
        assert engine["times_real_time"] > 0
    assert told["daemon"]["ready_s"] > 0
    assert told["machine"]["cores"] > 0


def test_a_table(tiny_model: Path, kwsd: Callable[..., Any]) -> None:
    ran = kwsd("bench", "--model", tiny_model, "--seconds", 2)
    assert ran.status == 0, ran.err
    for part in ("cpu s/s", "words", "times real time", "start to READY"):
        assert part in ran.out


def test_what_is_no_recording(kwsd: Callable[..., Any], tmp_path: Path) -> None:
    ran = kwsd("bench", tmp_path / "none.wav")
    assert ran.status == 66
    assert "none.wav" in ran.err
