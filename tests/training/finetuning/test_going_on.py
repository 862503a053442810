"""A run is kept now and then, and goes on from there; in the end its best network is taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tone_clips import RECIPE, started, tone_clips

from kwsd.errors import ConfigError
from kwsd.training.checkpoint import BEST
from kwsd.training.finetuning import finetune
from kwsd.training.finetuning.labelled import Labelled

Foreign = Callable[[str], Path]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    return tone_clips(tmp_path_factory.mktemp("tones"))


@pytest.mark.parametrize(("encoder", "frozen"), [("whisper", True), ("wav2vec2", False)])
def test_a_run_that_was_broken_off_goes_on_as_if_it_had_not(
    foreign: Foreign, data: Labelled, tmp_path: Path, encoder: str, frozen: bool
) -> None:
    class Enough(Exception):
        pass

    def stop(figures: dict[str, float]) -> None:
        if figures["step"] == 3:
            raise Enough

    recipe = replace(RECIPE, frozen=frozen, batch=2, accumulate=2)
    whole = started(recipe, foreign(encoder), data, tmp_path / "whole")
    assert not whole.resume()
    whole.train(lambda _: None)
    broken = started(recipe, foreign(encoder), data, tmp_path / "broken")
    with pytest.raises(Enough):
        broken.train(stop)
    broken.keep()
    later = started(recipe, foreign(encoder), data, tmp_path / "broken")
    assert later.resume()
    assert later.step == 3
    steps: list[float] = []
    later.train(lambda figures: steps.append(figures["step"]))
    assert steps[0] == 4
    for name, weights in whole.model.state_dict().items():
        assert torch.equal(later.model.state_dict()[name], weights), name


def test_a_run_that_goes_on_knows_the_best_so_far(foreign: Foreign, data: Labelled, tmp_path: Path) -> None:
    run = started(replace(RECIPE, frozen=True), foreign("whisper"), data, tmp_path / "run")
    run.step, run.best = 6, 0.75
    run.keep()
    later = started(replace(RECIPE, frozen=True), foreign("whisper"), data, tmp_path / "run")
    assert later.resume()
    assert (later.step, later.best) == (6, 0.75)


def test_a_slow_run_is_kept_within_an_epoch(
    foreign: Foreign, data: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 0.0
    monkeypatch.setattr(finetune.time, "monotonic", lambda: clock)
    run = started(replace(RECIPE, frozen=True, epochs=1, batch=1), foreign("whisper"), data, tmp_path / "run")
    kept: list[int] = []
    monkeypatch.setattr(run, "keep", lambda keep=run.keep: (kept.append(run.step), keep()))

    def minutes_later(_: dict[str, float]) -> None:
        nonlocal clock
        clock += 130

    run.train(minutes_later)
    assert kept == [3, 6, 9, 12, 15, run.steps]


def test_a_checkpoint_has_no_step_that_the_journal_lacks(
    foreign: Foreign, data: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill between the two loses no row: the journal is cut back to the checkpoint on resuming."""
    run = started(replace(RECIPE, frozen=True), foreign("whisper"), data, tmp_path / "run")
    rows: list[float] = []
    kept: list[tuple[int, float]] = []
    monkeypatch.setattr(run, "keep", lambda: kept.append((run.step, rows[-1])))
    run.train(lambda figures: rows.append(figures["step"]))
    assert kept
    assert all(step == row for step, row in kept)


@pytest.mark.parametrize("frozen", [False, True])
def test_a_run_that_comes_apart_ends_before_its_checkpoint(
    foreign: Foreign, data: Labelled, tmp_path: Path, frozen: bool
) -> None:
    run = started(replace(RECIPE, peak_rate=1e30, frozen=frozen), foreign("whisper"), data, tmp_path / "run")
    with pytest.raises(ConfigError, match=r"step \d+: the loss is .* has diverged; use a lower rate \(--learning-rate"):
        run.train(lambda _: None)
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize("enough", [False, True])
def test_where_few_clips_could_tell_which_network_is_best_the_last_is_taken(
    foreign: Foreign, data: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, enough: bool
) -> None:
    """A clip that is none of the word is heard "right" by a network that has learnt nothing yet."""
    monkeypatch.setattr("kwsd.training.finetuning.data_warnings._ENOUGH", 2 if enough else 3)
    run = started(replace(RECIPE, epochs=3), foreign("whisper"), data, tmp_path / "run")
    accuracies = iter([1.0, 1.0, 0.75])  # of two that are as good, the one that has learnt longer
    monkeypatch.setattr(run, "measure", lambda _: {"accuracy": next(accuracies)})
    kept: list[dict[str, Any]] = []
    monkeypatch.setattr(
        finetune.checkpoint, "save", lambda state, place: kept.append(state) if place.name == BEST else None
    )
    run.train(lambda _: None)
    assert len(kept) == (2 if enough else 3)


def test_it_ends_with_the_best_network_and_not_with_the_last(
    foreign: Foreign, data: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kwsd.training.finetuning.data_warnings._ENOUGH", 2)
    run = started(replace(RECIPE, epochs=3, frozen=True), foreign("whisper"), data, tmp_path / "run")
    accuracies, heads = iter([0.5, 1.0, 0.75]), []

    def measure(_: str) -> dict[str, float]:
        heads.append(run.model.head.outer.weight.detach().clone())
        return {"accuracy": next(accuracies)}

    monkeypatch.setattr(run, "measure", measure)
    run.train(lambda _: None)
    assert [torch.equal(run.model.head.outer.weight, head) for head in heads] == [False, True, False]
