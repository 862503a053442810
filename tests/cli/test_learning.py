"""The steps of a run as the terminal sees them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from kwsd.cli import learning
from kwsd.cli.learning import Steps, learn


class Passes(Steps):
    """Validated at each step, as a handful of clips is, four times a second."""

    steps, before = 100, 0

    def __init__(self, folder: Path) -> None:
        self.folder, self.step, self.clock = folder, 0, 0.0

    def keep(self) -> None:
        pass

    def train(self, report: Callable[[dict[str, float]], None], settled: Callable[[], None], /) -> None:
        settled()
        while self.step < self.steps:
            self.step, self.clock = self.step + 1, self.clock + 0.25
            report({"step": self.step, "accuracy": self.step / 100})


def test_validations_are_told_no_more_often_than_somebody_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = Passes(tmp_path)
    monkeypatch.setattr(learning, "time", SimpleNamespace(monotonic=lambda: run.clock))
    with caplog.at_level(logging.INFO):
        assert learn(run, ("step", "accuracy"), lambda *_: None, "again")["accuracy"] == 1
    assert [record.getMessage().split()[1] for record in caplog.records] == ["20", "40", "60", "80", "100"]
    assert len((tmp_path / "journal.csv").read_text().splitlines()) == 101
