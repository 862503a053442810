"""A trained model teaches another one what it says of the windows that both hear."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from kwsd.errors import ConfigError, ModelError
from kwsd.exporting.export import export_model
from kwsd.networks.heads import SpotterModel
from kwsd.training.building import build_network
from kwsd.training.journal import open_journal
from kwsd.training.learner import Learner
from kwsd.training.loop import COLUMNS, Run
from kwsd.training.prepare import prepare
from kwsd.training.recipe import Recipe, Soup, Teacher
from kwsd.training.recipe_file import read_recipe
from kwsd.training.soft import soft_labels
from kwsd.training.trained import load_trained
from kwsd.training.weight_averaging import average_weights

MODELS = Path(__file__).parents[2] / "models"
LABELS = ("down", "up", "_unknown_", "_silence_")


def opinionated(recipe: Recipe) -> SpotterModel:
    model = build_network(replace(recipe, schedule=replace(recipe.schedule, seed=99)))
    with torch.no_grad():
        model.word_head.outer.bias[LABELS.index("down")] += 5
    return model


@pytest.fixture
def teaching(recipe_file: Path, tmp_path: Path) -> Path:
    """A model of the tiny recipe that mostly says "down"; 2 were taken off its `_unknown_`, and 1 added to "up"."""
    model = opinionated(read_recipe(recipe_file))
    export_model(model, tmp_path / "teaching", name="teaching", licence="none", offsets={"_unknown_": -2.0, "up": 1.0})
    return tmp_path / "teaching"


def taught_by(recipe: Recipe, model: Path, **schedule: float) -> Recipe:
    steps = replace(recipe.schedule, steps=40, mine_every=40, validate_every=40, **schedule)  # type: ignore[arg-type]  # its own fields
    return replace(recipe, teacher=Teacher(scores=str(model)), schedule=steps)


def test_it_hears_the_newest_part_of_what_is_longer(teaching: Path) -> None:
    teacher = load_trained(str(teaching), LABELS, "teacher.scores")
    windows = torch.randn(2, 32_000, generator=torch.Generator().manual_seed(1)) / 10
    assert torch.equal(soft_labels(teacher, windows), soft_labels(teacher, windows[:, 16_000:]))


@pytest.mark.parametrize("key", ["teacher.scores", "soup.model"])
def test_a_run_does_not_go_on_with_another_model_of_that_name(
    recordings: Path, recipe_file: Path, teaching: Path, key: str
) -> None:
    recipe = read_recipe(recipe_file)
    named = {"teacher.scores": {"teacher": Teacher(scores=str(teaching))}, "soup.model": {"soup": Soup(str(teaching))}}
    recipe = replace(recipe, **named[key])  # type: ignore[arg-type]  # its own fields

    def started() -> Run:
        model, lesson = prepare(recipe, recordings, recordings / "cache", lambda *_: None)
        return Run(recipe, model, lesson, recordings, "cpu")

    started().keep()
    assert started().resume()
    export_model(build_network(recipe), teaching, name="teaching", licence="none")
    with pytest.raises(ConfigError, match=f"what {key} names has changed since this run began; put that back, or use"):
        started().resume()


def losses(recipe: Recipe, root: Path) -> list[dict[str, float]]:
    model, lesson = prepare(recipe, root, root / "cache", lambda *_: None)
    (root / "run").mkdir()
    reports: list[dict[str, float]] = []
    with open_journal(root / "run" / "journal.csv", COLUMNS) as journal:

        def report(figures: dict[str, float]) -> None:
            journal(figures)
            reports.append(figures)

        Run(recipe, model, lesson, root / "run", "cpu").train(report)
    return [report for report in reports if "words" in report]


def test_the_network_comes_to_say_what_its_teacher_says(recordings: Path, recipe_file: Path, teaching: Path) -> None:
    heavy = taught_by(read_recipe(recipe_file), teaching, soft_weight=10.0)
    found = [report["soft"] for report in losses(heavy, recordings)]
    assert found[-1] < 0.5 * found[0]


def test_its_weight_and_its_first_step_are_the_recipes(recordings: Path, recipe_file: Path, teaching: Path) -> None:
    told = []
    for weight in (1.0, 10.0):
        recipe = taught_by(read_recipe(recipe_file), teaching, soft_weight=weight, soft_from=3)
        learner = Learner(recipe, *prepare(recipe, recordings, recordings / "cache", lambda *_: None), "cpu")
        batch = learner.lesson.mixer.batch_at(0, np.zeros((0, 3), np.int64))
        assert "soft" not in learner.learn(batch, 2)
        told.append(learner.learn(batch, 3)["soft"])
    assert told[1] == pytest.approx(10 * told[0])


def test_the_loss_is_how_far_the_network_is_from_its_teacher(
    recordings: Path, recipe_file: Path, teaching: Path
) -> None:
    """By what the teacher takes for likely: the divergence the other way round would forgive what is left out."""
    recipe = taught_by(read_recipe(recipe_file), teaching)
    learner = Learner(recipe, *prepare(recipe, recordings, recordings / "cache", lambda *_: None), "cpu")
    batch = learner.lesson.mixer.batch_at(0, np.zeros((0, 3), np.int64))
    assert learner.lesson.soft is not None
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        windows = torch.from_numpy(batch.windows)
        theirs, ours = soft_labels(learner.lesson.soft, windows), learner.model(windows).logits
    expected = (theirs.exp() * (theirs - ours)).sum(dim=1).mean()
    assert learner.learn(batch, 0)["soft"] == pytest.approx(float(expected), rel=1e-4)


def test_it_begins_when_the_recipe_says(recordings: Path, recipe_file: Path, teaching: Path) -> None:
    late = taught_by(read_recipe(recipe_file), teaching, soft_from=25)
    assert ["soft" in report for report in losses(late, recordings)] == [False, False, True, True]


def test_what_export_took_off_unknown_is_put_back(recipe_file: Path, teaching: Path) -> None:
    original = opinionated(read_recipe(recipe_file)).train(False)
    windows = torch.randn(3, 16_000) / 10
    with torch.no_grad():
        torch.testing.assert_close(
            soft_labels(load_trained(str(teaching), LABELS, "x"), windows), original(windows).logits, atol=0.02, rtol=0
        )


def test_a_teacher_of_other_words_is_refused(teaching: Path) -> None:
    with pytest.raises(ConfigError, match=r"teacher\.scores"):
        load_trained(str(teaching), ("yes", *LABELS[1:]), "teacher.scores")


def test_a_teacher_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"^teacher\.scores: there is no model .* give that run's recipe first"):
        load_trained(str(tmp_path / "nobody"), LABELS, "teacher.scores")


def test_a_teacher_that_is_not_kwsds_own(foreign: Callable[..., Path]) -> None:
    with pytest.raises(ModelError, match="not one of kwsd's own networks"):
        load_trained(str(foreign("hubert")), LABELS, "x")


def test_offsets_of_a_word_that_it_does_not_know(teaching: Path) -> None:
    config = json.loads((teaching / "config.json").read_text())
    (teaching / "config.json").write_text(json.dumps(config | {"word_offsets": {"upp": 1.0}}))
    with pytest.raises(ModelError, match="its word_offsets name 'upp', which is not one of its words"):
        load_trained(str(teaching), LABELS, "teacher.scores")


@pytest.mark.parametrize("name", ["hubert-commands", "moonshine-commands"])
def test_what_was_taken_off_the_shipped_models_is_known(name: str) -> None:
    recipe = read_recipe(MODELS / name / "recipe.toml")
    config = json.loads((MODELS / name / "config.json").read_text())
    assert recipe.mix.offsets == {"_unknown_": -config["unknown_offset"], **config["word_offsets"]}
    assert recipe.mix.offsets["_unknown_"] < 0 < recipe.mix.offsets["off"]


def test_a_soup_is_the_mean_of_both(recipe_file: Path) -> None:
    recipe = read_recipe(recipe_file)
    one, other = build_network(recipe), opinionated(recipe)
    mixed = average_weights(one, other, 0.25).state_dict()
    for name, values in one.state_dict().items():
        torch.testing.assert_close(mixed[name], 0.75 * values + 0.25 * other.state_dict()[name])
    larger = build_network(replace(recipe, network=replace(recipe.network, head_size=24)))
    with pytest.raises(ConfigError, match="another network"):
        average_weights(one, larger, 0.5)
