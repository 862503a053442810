"""A run of a verifier: its last blocks learn, the others stay what they were, and it goes on after a kill."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import MoonshineConfig, MoonshineModel, WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from kwsd.errors import ConfigError, InputError
from kwsd.exporting.export import export_model
from kwsd.networks.moonshine import MoonshineSpotterModel
from kwsd.networks.whisper import WhisperSpotterModel
from kwsd.training.loop import Run
from kwsd.training.prepare import prepare
from kwsd.training.recipe import Network, Recipe, Teacher
from kwsd.training.recipe_file import read_recipe
from kwsd.zoo import read_card


@pytest.fixture
def recipe(recordings: Path, recipe_file: Path) -> Recipe:
    """The tiny recipe, for a Moonshine of full size whose weights are drawn from a seed."""
    torch.manual_seed(8)
    make: Any = MoonshineModel
    save_file(make(MoonshineConfig()).encoder.state_dict(), recordings / "encoder.safetensors")
    plain = read_recipe(recipe_file)
    schedule = replace(plain.schedule, steps=4, mine_every=2, validate_every=4, batch=4, encoder_rate=0.1)
    network = Network(kind="moonshine", learning_layers=2, adapter_size=8, head_size=16)
    return replace(plain, network=network, teacher=Teacher("encoder.safetensors"), schedule=schedule)


@pytest.fixture
def whisper(recipe: Recipe, recordings: Path) -> Recipe:
    """The same for a Whisper."""
    make: Any = WhisperEncoder
    sizes: dict[str, Any] = {
        "d_model": 384, "encoder_layers": 4, "encoder_attention_heads": 6, "encoder_ffn_dim": 1536,
    }  # fmt: skip
    save_file(make(WhisperConfig(**sizes)).state_dict(), recordings / "whisper.safetensors")
    return replace(recipe, network=replace(recipe.network, kind="whisper"), teacher=Teacher("whisper.safetensors"))


def started(recipe: Recipe, root: Path, name: str) -> Run:
    model, lesson = prepare(recipe, root, root / "cache", lambda *_: None)
    (root / name).mkdir(exist_ok=True)
    return Run(recipe, model, lesson, root / name, "cpu")


def test_the_last_blocks_learn_and_the_others_stay(recipe: Recipe, recordings: Path) -> None:
    run = started(recipe, recordings, "run")
    assert isinstance(run.learner.model, MoonshineSpotterModel)
    before = {name: values.clone() for name, values in run.learner.model.state_dict().items()}
    run.train(lambda _: None)
    moved = {name for name, values in run.learner.model.state_dict().items() if not torch.equal(values, before[name])}
    within = {".".join(name.split(".")[:3]) for name in moved if name.startswith("encoder.")}
    assert within == {"encoder.layers.4", "encoder.layers.5", "encoder.layer_norm.weight"}
    assert any(name.startswith("word_head.") for name in moved)
    again = started(recipe, recordings, "run")
    assert again.resume()
    assert again.step == 4


def test_a_whisper_starts_with_the_first_second_of_its_teachers_positions(whisper: Recipe, recordings: Path) -> None:
    run = started(whisper, recordings, "run")
    model = run.learner.model
    assert isinstance(model, WhisperSpotterModel)
    theirs = load_file(recordings / "whisper.safetensors")
    before = {name: values.clone() for name, values in model.state_dict().items()}
    assert torch.equal(before["encoder.embed_positions.weight"], theirs["embed_positions.weight"][:50])
    assert torch.equal(before["encoder.layers.3.fc2.weight"], theirs["layers.3.fc2.weight"])
    run.train(lambda _: None)
    moved = {name for name, values in model.state_dict().items() if not torch.equal(values, before[name])}
    within = {".".join(name.split(".")[:3]) for name in moved if name.startswith("encoder.")}
    assert within == {"encoder.layers.2", "encoder.layers.3", "encoder.layer_norm.weight", "encoder.layer_norm.bias"}
    export_model(run.learner.average, recordings / "third", name="third", licence="CC0-1.0")
    assert read_card(str(recordings / "third")).window == 16_000


def test_a_whisper_of_two_seconds_goes_on_from_one_of_a_second(whisper: Recipe, recordings: Path) -> None:
    first = started(whisper, recordings, "run")
    export_model(first.learner.average, recordings / "first", name="first", licence="CC0-1.0")
    network = replace(whisper.network, window=32_000, start=str(recordings / "first"))
    model = started(replace(whisper, network=network), recordings, "longer").learner.model
    theirs = load_file(recordings / "whisper.safetensors")
    assert torch.equal(model.encoder.embed_positions.weight, theirs["embed_positions.weight"][:100])
    assert torch.allclose(model.word_head.outer.weight, first.learner.average.word_head.outer.weight, atol=1e-3)
    export_model(model, recordings / "two", name="two", licence="CC0-1.0")
    card = read_card(str(recordings / "two"))
    assert (card.window, card.about) == (32_000, 16_000)


def test_weights_of_another_encoder_are_told(whisper: Recipe, recordings: Path) -> None:
    with pytest.raises(InputError, match="not the weights of Whisper tiny's encoder alone"):
        started(replace(whisper, teacher=Teacher("encoder.safetensors")), recordings, "run")
    with pytest.raises(InputError, match="put those of Whisper tiny's encoder there"):
        started(replace(whisper, teacher=Teacher("none.safetensors")), recordings, "run")


def test_the_encoder_learns_at_its_share_of_the_rate(recipe: Recipe, recordings: Path) -> None:
    recipe = replace(recipe, schedule=replace(recipe.schedule, encoder_rate=0.1, weight_decay=0.3))
    run = started(recipe, recordings, "run")
    rate = run.learner.learn(run.lesson.mixer.batch_at(0, run.mined), 0)["rate"]
    heads, encoder = run.learner.optimizer.param_groups
    assert rate > 0
    assert (heads["lr"], encoder["lr"]) == pytest.approx((rate, 0.1 * rate))
    assert heads["weight_decay"] == encoder["weight_decay"] == 0.3
    inside = {id(weights) for weights in run.learner.model.encoder.parameters()}
    assert [{id(weights) in inside for weights in group["params"]} for group in (heads, encoder)] == [{False}, {True}]


def test_it_learns_from_two_seconds_and_says_so(recipe: Recipe, recordings: Path) -> None:
    longer = replace(recipe, network=replace(recipe.network, window=32_000))
    run = started(longer, recordings, "run")
    heard: list[int] = []
    scored = run.learner.probabilities
    run.learner.probabilities = lambda windows: heard.append(windows.shape[1]) or scored(windows)  # type: ignore[func-returns-value, method-assign]  # it listens in
    run.train(lambda _: None)
    assert set(heard) == {32_000}  # what is mined, and what is judged
    assert run.lesson.mixer.batch_at(0, run.mined).windows.shape == (4, 32_000)
    export_model(run.learner.average, recordings / "two", name="two", licence="CC0-1.0")
    card = read_card(str(recordings / "two"))
    assert (card.window, card.about) == (32_000, 16_000)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("window = 32000", "a hubert hears a second"),
        ("window = 20000", "or 24000 and more"),
        ("kind = 'rnn'", "network.kind is 'rnn'"),
        ("kind = 'moonshine'", "a moonshine is its teacher's weights"),
        ("kind = 'whisper'", "a whisper is its teacher's weights"),
        ("kind = 'whisper'\nwindow = 32001", "hears multiples of 320"),
    ],
)
def test_a_recipe_that_contradicts_itself(recipe_file: Path, change: str, told: str) -> None:
    recipe_file.write_text(recipe_file.read_text().replace("[network]", f"[network]\n{change}"))
    with pytest.raises(ConfigError, match=told):
        read_recipe(recipe_file)
