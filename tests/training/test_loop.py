"""A tiny run learns, and one that was killed goes on as if it had not been."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from kwsd.errors import ConfigError, InputError
from kwsd.training.batches import Mined
from kwsd.training.loop import Run
from kwsd.training.prepare import prepare
from kwsd.training.recipe import Recipe
from kwsd.training.recipe_file import read_recipe


def quiet(what: str, done: int, total: int) -> None:
    """Nobody is watching."""


def started(recipe: Recipe, root: Path, folder: Path) -> Run:
    model, lesson = prepare(recipe, root, root / "cache", quiet)
    folder.mkdir(exist_ok=True)
    return Run(recipe, model, lesson, folder, "cpu")


class Killed(Exception):
    """Stands for SIGKILL: the run stops between two steps and writes nothing more."""


def test_it_overfits_a_handful_of_clips(recordings: Path, recipe_file: Path) -> None:
    recipe = read_recipe(recipe_file)
    longer = dataclasses.replace(recipe.schedule, steps=160, validate_every=160, mine_every=80, ema=0.9)
    recipe = dataclasses.replace(recipe, schedule=longer)
    reports: list[dict[str, float]] = []
    started(recipe, recordings, recordings / "run").train(reports.append)
    losses = [report["words"] for report in reports if "words" in report]
    assert np.mean(losses[-3:]) < 0.5 * np.mean(losses[:3])
    assert reports[-1]["accuracy"] == 1.0


def test_a_killed_run_goes_on_bit_by_bit_the_same(recordings: Path, recipe_file: Path) -> None:
    recipe = read_recipe(recipe_file)
    whole = started(recipe, recordings, recordings / "whole").train(lambda _: None)

    def kill(report: dict[str, float]) -> None:
        if report["step"] >= 10:
            raise Killed

    with pytest.raises(Killed):
        started(recipe, recordings, recordings / "cut").train(kill)
    again = started(recipe, recordings, recordings / "cut")
    assert again.resume()
    assert again.step == 8
    resumed = again.train(lambda _: None)
    for (name, ours), theirs in zip(whole.state_dict().items(), resumed.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs), name


def test_what_it_learns_is_averaged_over_its_steps(recordings: Path, recipe_file: Path) -> None:
    run = started(read_recipe(recipe_file), recordings, recordings / "run")
    before = [weights.detach().clone() for weights in run.learner.model.parameters()]
    run.learner.learn(run.lesson.mixer.batch_at(0, run.mined), 0)
    for average, first, now in zip(
        run.learner.average.parameters(), before, run.learner.model.parameters(), strict=True
    ):
        torch.testing.assert_close(average, torch.lerp(first, now.detach(), 0.9))  # at first it follows faster
    run.step = run.steps
    assert run.train(lambda _: None) is run.learner.average


def test_it_mines_after_the_warm_up_and_other_windows_each_time(
    recordings: Path, recipe_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []

    def listed(_mixer: object, _score: object, before: Mined, _count: int, rng: np.random.Generator) -> Mined:
        drawn.append(int(rng.integers(2**60)))
        return before

    monkeypatch.setattr("kwsd.training.loop.mine", listed)
    run = started(read_recipe(recipe_file), recordings, recordings / "run")
    for seed in (1, 2):
        run.schedule = dataclasses.replace(run.schedule, seed=seed, warmup=8, mine_every=4)
        for run.step in (-4, 0, 4, 8, 10, 12):
            run._mine()
    assert len(drawn) == len(set(drawn)) == 4


def test_what_is_only_as_good_as_the_best_is_no_progress(recordings: Path, recipe_file: Path) -> None:
    run = started(read_recipe(recipe_file), recordings, recordings / "run")
    found = []
    for accuracy in (0.5, 0.5, 0.4, 0.6):
        run.judged = lambda accuracy=accuracy: {"per_word": accuracy}  # type: ignore[method-assign]  # by heart
        run._validate(lambda _: None)
        found.append((run.best, run.stale))
    assert found == [(0.5, 0), (0.5, 1), (0.5, 2), (0.6, 0)]


def test_a_run_that_goes_on_knows_the_best_so_far(recordings: Path, recipe_file: Path) -> None:
    run = started(read_recipe(recipe_file), recordings, recordings / "run")
    run.best, run.stale = 0.75, 1
    run.keep()
    again = started(read_recipe(recipe_file), recordings, recordings / "run")
    assert again.resume()
    assert (again.best, again.stale) == (0.75, 1)


def test_a_run_that_learnt_other_recordings_is_not_gone_on_with(recordings: Path, recipe_file: Path) -> None:
    recipe = read_recipe(recipe_file)
    run = started(recipe, recordings, recordings / "run")
    run.keep()
    assert started(recipe, recordings, recordings / "run").resume()
    noise = run.lesson.mixer.sounds.noise
    fewer = dataclasses.replace(run.lesson.mixer.sounds, noise=noise.select(np.arange(len(noise) - 1)))
    run.lesson.mixer.sounds = fewer
    with pytest.raises(ConfigError, match="the recordings have changed"):
        run.resume()


def test_a_run_that_learnt_other_labels_is_not_gone_on_with(recordings: Path, recipe_file: Path) -> None:
    """As many clips, as long, but others."""
    run = started(read_recipe(recipe_file), recordings, recordings / "run")
    run.keep()
    validation = run.lesson.validation
    swapped = dataclasses.replace(validation, labels=validation.labels[::-1])
    run.lesson = dataclasses.replace(run.lesson, validation=swapped)
    with pytest.raises(ConfigError, match="the recordings have changed"):
        run.resume()


def test_a_checkpoint_of_an_earlier_version_told_less(recordings: Path, recipe_file: Path) -> None:
    run = started(read_recipe(recipe_file), recordings, recordings / "run")
    run.keep()
    place = recordings / "run" / "checkpoint.pt"
    state = torch.load(place, weights_only=True)
    del state["clips"], state["models"]
    torch.save(state, place)
    assert run.resume()
    torch.save(state["model"], place)  # what a fine-tuning calls its best network
    with pytest.raises(InputError, match="the checkpoint of another run"):
        run.resume()


def test_it_may_be_broken_off_where_it_has_just_been_kept(recordings: Path, recipe_file: Path) -> None:
    """Each tenth step is one to mine at: between them there is none at which nothing is half done."""
    recipe = read_recipe(recipe_file)
    often = dataclasses.replace(recipe.schedule, steps=40, mine_every=10, validate_every=20, front_end_steps=0)
    run = started(dataclasses.replace(recipe, schedule=often), recordings, recordings / "run")
    settled: list[int] = []
    run.train(lambda _: None, lambda: settled.append(run.step))
    assert settled == [10, 20, 30, 40]
    assert torch.load(recordings / "run" / "checkpoint.pt", weights_only=True)["step"] == 40


def test_a_run_stops_when_validation_no_longer_improves(recordings: Path, recipe_file: Path) -> None:
    recipe = read_recipe(recipe_file)
    often = dataclasses.replace(recipe.schedule, steps=1000, validate_every=1, mine_every=1000)
    hopeless = dataclasses.replace(often, patience=2, peak_rate=0.0)
    recipe = dataclasses.replace(recipe, schedule=hopeless)
    run = started(recipe, recordings, recordings / "run")
    run.train(lambda _: None)
    assert run.stale == 2
    assert run.step < 10
    again = started(recipe, recordings, recordings / "run")
    assert again.resume()
    assert again.stale == 2  # and so it would stop at once


def test_the_last_step_is_judged_wherever_it_falls(recordings: Path, recipe_file: Path) -> None:
    recipe = read_recipe(recipe_file)
    short = dataclasses.replace(recipe.schedule, steps=3, validate_every=1000, mine_every=1000)
    run = started(dataclasses.replace(recipe, schedule=short), recordings, recordings / "run")
    reports: list[dict[str, float]] = []
    run.train(reports.append)
    assert [report["step"] for report in reports if "per_word" in report] == [3]


def test_a_run_is_not_broken_off_between_the_last_step_and_its_validation(recordings: Path, recipe_file: Path) -> None:
    """It would go on with no step to take, and so without a validation."""
    recipe = read_recipe(recipe_file)
    short = dataclasses.replace(recipe.schedule, steps=20, validate_every=1000, mine_every=1000)
    run = started(dataclasses.replace(recipe, schedule=short), recordings, recordings / "run")
    judged: list[float] = []
    settled: list[tuple[int, bool]] = []
    run.train(
        lambda report: judged.extend([report["step"]] if "per_word" in report else []),
        lambda: settled.append((run.step, bool(judged))),
    )
    assert settled == [(10, False), (20, True)]


def test_a_run_that_comes_apart_ends_before_its_checkpoint(recordings: Path, recipe_file: Path) -> None:
    recipe = read_recipe(recipe_file)
    wild = dataclasses.replace(recipe.schedule, peak_rate=1e30, warmup=1, mine_every=1000)
    run = started(dataclasses.replace(recipe, schedule=wild), recordings, recordings / "run")
    with pytest.raises(ConfigError, match=r"step \d+: the loss is .* has diverged; use a lower rate"):
        run.train(lambda _: None)
    assert not (recordings / "run" / "checkpoint.pt").exists()


def test_a_checkpoint_that_is_none_is_refused(recordings: Path, recipe_file: Path) -> None:
    run = started(read_recipe(recipe_file), recordings, recordings / "run")
    (recordings / "run" / "checkpoint.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(InputError, match="use --fresh to start over"):
        run.resume()
