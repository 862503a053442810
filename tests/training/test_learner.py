"""What a step learns: first the convolutions alone, then the whole network, from the teacher's features as well."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import MoonshineConfig, MoonshineModel

from kwsd.training.batches import Batch
from kwsd.training.learner import Learner
from kwsd.training.loop import Run
from kwsd.training.prepare import prepare
from kwsd.training.rates import front_end_rate
from kwsd.training.recipe import Network, Recipe, Teacher
from kwsd.training.recipe_file import read_recipe

FRONT_END = 3


@pytest.fixture
def taught(recordings: Path, recipe_file: Path) -> Recipe:
    """The tiny recipe, for a HuBERT of one block that begins with a teacher whose weights are drawn from a seed."""
    torch.manual_seed(8)
    make: Any = MoonshineModel
    encoder = make(MoonshineConfig()).encoder
    with torch.no_grad():
        encoder.layer_norm.weight.fill_(4.0)  # a new norm's is one, which no error can be told from its square by
    save_file(encoder.state_dict(), recordings / "encoder.safetensors")
    plain = read_recipe(recipe_file)
    network = Network(num_hidden_layers=1, conv_dim=(288, 16, 288), adapter_size=8, head_size=16)
    schedule = replace(plain.schedule, front_end_steps=FRONT_END, steps=2, batch=4, mine_every=2, validate_every=2)
    return replace(plain, network=network, teacher=Teacher("encoder.safetensors", layers=(3,)), schedule=schedule)


def learner_of(recipe: Recipe, root: Path) -> Learner:
    return Learner(recipe, *prepare(recipe, root, root / "cache", lambda *_: None), "cpu")


def weights_of(learner: Learner) -> dict[str, torch.Tensor]:
    return {name: weights.detach().clone() for name, weights in learner.model.named_parameters()}


def batch_of(learner: Learner, step: int = 0) -> Batch:
    return learner.lesson.mixer.batch_at(step, np.zeros((0, 3), np.int64))


@pytest.mark.parametrize("encoder_rate", [1.0, 0.0])
def test_below_step_zero_the_convolutions_alone_learn_what_the_teachers_give(
    taught: Recipe, recordings: Path, encoder_rate: float
) -> None:
    """Also of an encoder that is left as it is from then on."""
    schedule = replace(taught.schedule, front_end_steps=12, encoder_rate=encoder_rate)
    learner = learner_of(replace(taught, schedule=schedule), recordings)
    before, batch = weights_of(learner), batch_of(learner)
    told = [learner.learn(batch, step) for step in range(-12, 0)]
    assert [set(figures) for figures in told] == [{"rate", "norm", "front_end"}] * 12
    assert [figures["rate"] for figures in told] == [front_end_rate(step, learner.schedule) for step in range(-12, 0)]
    assert told[-1]["front_end"] < 0.95 * told[0]["front_end"]
    moved = {name for name, weights in weights_of(learner).items() if not torch.equal(weights, before[name])}
    assert moved
    assert all(name.startswith("hubert.feature_extractor.") for name in moved)


def test_a_run_takes_these_steps_first_and_the_batches_in_their_order(
    taught: Recipe, recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(taught, *prepare(taught, recordings, recordings / "cache", lambda *_: None), recordings, "cpu")
    steps: list[int] = []
    learn, drawn = run.learner.learn, run.lesson.mixer.batch_at
    batches: list[int] = []
    monkeypatch.setattr(run.learner, "learn", lambda batch, step: (steps.append(step), learn(batch, step))[1])
    monkeypatch.setattr(run.lesson.mixer, "batch_at", lambda step, mined: (batches.append(step), drawn(step, mined))[1])
    reports: list[dict[str, float]] = []
    run.train(reports.append)
    assert steps == [-3, -2, -1, 0, 1]
    assert batches == [0, 1, 2, 3, 4]
    assert [report["step"] for report in reports if "accuracy" in report] == [2]


def test_without_a_teacher_there_are_none(recordings: Path, recipe_file: Path) -> None:
    recipe = read_recipe(recipe_file)
    learner = learner_of(replace(recipe, schedule=replace(recipe.schedule, front_end_steps=600)), recordings)
    assert learner.before == 0


def test_the_average_follows_from_the_first_of_these_steps(taught: Recipe, recordings: Path) -> None:
    learner = learner_of(taught, recordings)
    before = weights_of(learner)
    learner.learn(batch_of(learner), -FRONT_END)
    now = weights_of(learner)
    for name, average in learner.average.named_parameters():
        torch.testing.assert_close(average, torch.lerp(before[name], now[name], 0.9), msg=name)


def test_a_network_that_gives_only_the_features_means_has_learnt_nothing_of_them(
    taught: Recipe, recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its error is then their variance, and so about one, times the recipe's weight."""
    words = replace(taught.mix, words=1.0, silence=0.0)
    learner = learner_of(replace(taught, mix=words, schedule=replace(taught.schedule, batch=12)), recordings)
    assert learner.lesson.taught is not None
    last: Any = learner.model.encoder.encoder.layer_norm  # type: ignore[union-attr, operator]
    monkeypatch.setattr(learner.optimizer, "step", lambda: None)
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.from_numpy(learner.lesson.taught.spread()[0]))
    told = []
    for weight in (1.0, 10.0, 0.0):
        learner.schedule = replace(learner.schedule, feature_weight=weight)
        told.append(learner.learn(batch_of(learner), 0))
    assert told[0]["features"] == pytest.approx(1, rel=0.3)
    assert told[1]["features"] == pytest.approx(10 * told[0]["features"])
    assert set(told[2]) == {"rate", "norm", "words"}


def test_a_step_goes_at_the_steps_rate_and_shrinks_the_weights(recordings: Path, recipe_file: Path) -> None:
    """The first step of AdamW goes by the rate itself, whatever the length of the gradient."""
    recipe = read_recipe(recipe_file)
    learner = learner_of(replace(recipe, schedule=replace(recipe.schedule, weight_decay=0.5)), recordings)
    before = weights_of(learner)
    rate = learner.learn(batch_of(learner), 0)["rate"]
    name = "word_head.outer.weight"
    moved = weights_of(learner)[name] - (1 - 0.5 * rate) * before[name]
    torch.testing.assert_close(moved.abs().max(), torch.tensor(rate), rtol=1e-3, atol=0)


def gradients_of(learner: Learner, monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """The gradient along which each step goes; no step is taken."""
    taken: list[torch.Tensor] = []

    def step() -> None:
        given = [weights.grad for weights in learner.model.parameters()]
        taken.append(torch.cat([grad.flatten() for grad in given if grad is not None]).clone())

    monkeypatch.setattr(learner.optimizer, "step", step)
    return taken


def test_each_step_goes_along_the_gradient_of_its_own_batch_cut_to_a_norm_of_one(
    recordings: Path, recipe_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = learner_of(read_recipe(recipe_file), recordings)
    with torch.no_grad():
        learner.model.word_head.outer.weight.mul_(1e3)  # which makes the loss, and its gradient, large
    taken, batch = gradients_of(learner, monkeypatch), batch_of(learner)
    norms = [learner.learn(batch, step)["norm"] for step in (0, 1)]
    assert norms[0] == norms[1] > 10
    torch.testing.assert_close(taken[0].norm(), torch.tensor(1.0))
    assert torch.equal(taken[1], taken[0])


def test_each_step_drops_other_nodes_and_the_same_step_of_a_seed_the_same(
    recordings: Path, recipe_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a run that was broken off goes on as if it had not been."""
    recipe = read_recipe(recipe_file)
    learner = learner_of(replace(recipe, network=replace(recipe.network, dropout=0.5)), recordings)
    monkeypatch.setattr(learner.optimizer, "step", lambda: None)
    batch = batch_of(learner)
    told = [learner.learn(batch, step)["words"] for step in (0, 1, 0)]
    learner.schedule = replace(learner.schedule, seed=recipe.schedule.seed + 1)
    told.append(learner.learn(batch, 0)["words"])
    assert told[0] == told[2]
    assert len(set(told)) == 3


def test_the_averaged_network_is_the_one_that_is_judged(recordings: Path, recipe_file: Path) -> None:
    learner = learner_of(read_recipe(recipe_file), recordings)
    with torch.no_grad():
        learner.average.noise_head.outer.bias.fill_(-30.0)  # it takes all for silence
    scores = learner.probabilities(batch_of(learner).windows)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, np.tile([0, 0, 0, 1], (len(scores), 1)), atol=1e-6)
