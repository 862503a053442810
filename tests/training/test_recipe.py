"""A recipe that is wrong says where."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import MoonshineConfig

from kwsd.errors import ConfigError, InputError
from kwsd.networks import moonshine, whisper
from kwsd.training import recipe_file
from kwsd.training.finetuning.recipe import FinetuneRecipe, read_finetune_recipe
from kwsd.training.recipe_file import read_recipe

SHIPPED = Path(__file__).parents[2] / "models" / "hubert-commands" / "recipe.toml"


def test_the_shipped_recipe_is_read() -> None:
    recipe = read_recipe(SHIPPED)
    assert recipe.name == "hubert-commands"
    assert len(recipe.words) == 35
    assert recipe.network.conv_stride == (64, 3, 4)


def test_the_sizes_that_a_recipe_is_checked_by_are_those_of_the_networks() -> None:
    assert recipe_file.WHISPER_STRIDE == whisper.HOP * whisper.STEPS
    assert math.prod(moonshine.STRIDES) == recipe_file.TEACHER_STRIDE
    assert recipe_file.TEACHER_KERNELS == moonshine.KERNELS
    tiny = MoonshineConfig()
    assert (tiny.hidden_size, tiny.intermediate_size) == (recipe_file.TEACHER_SIZE, recipe_file.TEACHER_INNER)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name = = 3", "line 1"),
        ("name = x", "line 1: invalid value; put quotes around text"),
        ('words = ["yes"]', "the key name is missing"),
        ('name = "x"\nwords = ["yes"]\n[schedule]\nstep = 5', "did you mean schedule.steps"),
        ('name = "x"\nwords = ["yes"]\n[schedule]\nsteps = "many"', "schedule.steps must be a whole number, 1 or more"),
        ('name = "x"\nwords = ["yes"]\n[schedule]\nbatch = true', "schedule.batch must be a whole number"),
        ('name = "x"\nwords = "yes"', "words must be an array of texts"),
        ('name = "x"\nwords = ["yes"]\n[mix]\nwords = 0.9', "sum to"),
        ('name = "x"\nwords = ["yes"]\n[mix]\nnoise_snr = [20, -2]', "two numbers of dB"),
        ('name = "x"\nwords = ["yes"]\n[mix]\nnoise_snr = [20]', "two numbers of dB"),
        ('name = "x"\nwords = ["yes"]\n[mix]\ntalk_snr = [22, 5]', r"mix\.talk_snr is \[22, 5\], not two numbers"),
        ('name = "x"\nwords = ["yes"]\nmix = 3', "mix must be a table"),
        ("words = " + "[" * 50_000, "recipe.toml: "),
        ("[schedule]\nsteps = " + "9" * 5_000, "exceeds the limit"),
        ('name = "x"\nwords = ["yes"]\n[teacher]\nweights = "e"\nlayers = [0]', "one layer for each"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=told):
        read_recipe(path)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("batch = 0", "schedule.batch must be a whole number, 1 or more, not 0"),
        ("steps = -5", "schedule.steps must be a whole number, 1 or more"),
        ("mine_every = 0", "schedule.mine_every"),
        ("validate_every = 0", "schedule.validate_every"),
        ("peak_rate = nan", "schedule.peak_rate must be a number from 1e-09 to 1, not nan"),
        ("peak_rate = -1e-3", "schedule.peak_rate"),
        ("peak_rate = 1e6", "schedule.peak_rate"),
        ("seed = -1", "schedule.seed must be a whole number from 0"),
        ("[mix]\nwords = 0.8\nsilence = -0.1", "mix.silence must be a number from 0 to 1"),
        ("[mix]\nchannels = 0", "mix.channels"),
        ("[mix]\nunknown_offset = inf", "mix.unknown_offset"),
        ('[mix]\nword_offsets = ["of=1"]', "mix.word_offsets: 'of=1' is not like \"off=1.5\""),
        ('[mix]\nword_offsets = ["up=nan"]', "mix.word_offsets: 'up=nan'"),
        ('[mix]\nword_offsets = ["yes=1", "yes=2"]', "mix.word_offsets names a word twice"),
        (
            "[network]\nhidden_size = 33",
            "it must be a multiple of 16",
        ),
        ("[network]\nconv_dim = [0, 8, 16]", "conv_dim must be an array of whole numbers, 1 or more"),
        ("[network]\nconv_dim = [8, 16]", "as many entries"),
        ("[network]\nconv_stride = [6400, 3, 4]", "leave nothing of a window"),
        (
            '[network]\nhidden_size = 144\n[teacher]\nweights = "x"',
            "network.hidden_size must be 288, as teacher.weights",
        ),
        ('[network]\nintermediate_size = 5\n[teacher]\nweights = "x"', "network.intermediate_size must be 1152"),
        (
            '[network]\nconv_dim = [8, 9, 8]\n[teacher]\nweights = "x"',
            "conv_dim, the first and the last, must be 288, 288",
        ),
        ('[network]\nconv_kernel = [10, 7, 3]\n[teacher]\nweights = "x"', "network.conv_kernel must be 127, 7, 3, as"),
        (
            '[network]\nconv_stride = [64, 5, 1]\n[teacher]\nweights = "x"',
            "product of 320; with teacher.weights it must be a",
        ),
        ('[network]\nconv_stride = [64, 3, 2]\n[teacher]\nweights = "x"', "schedule.front_end_steps must be 0"),
        ('[network]\nstart = "x"\n[teacher]\nweights = "x"', "taught anew: schedule.front_end_steps must be 0"),
        ("[data]\nspeech = []", "data.speech names no folder"),
        ('[soup]\nmodel = "x"\nshare = 5.0', "soup.share must be a number from 0 to 1"),
    ],
)
def test_values_that_cannot_be(tmp_path: Path, line: str, told: str) -> None:
    """Each of them ended as a fault in kwsd, long after the start, or was learnt with."""
    path = tmp_path / "recipe.toml"
    full = {key: '["x"]' for key in ("words", "validation", "speech", "noise") if key not in line}
    data = "[data]\n" + "".join(f"{key} = {value}\n" for key, value in full.items())
    text = (
        data + line.removeprefix("[data]\n")
        if "[data]" in line
        else f"{'' if '[' in line else '[schedule]'}\n{line}\n{data}"
    )
    path.write_text(f'name = "x"\nwords = ["yes"]\n{text}')
    with pytest.raises(ConfigError, match=re.escape(told)):
        read_recipe(path)


def test_what_a_fine_tuning_leaves_open() -> None:
    recipe = FinetuneRecipe("mine", "encoder", words=("no", "yes"), window_s=2.01)
    assert recipe.window == 32_160  # not one less, though the product is
    rates = [
        replace(recipe, frozen=frozen, add=add).rate for frozen, add in ((False, False), (True, False), (True, True))
    ]
    assert rates == [3e-5, 1e-3, 1e-2]
    assert replace(recipe, peak_rate=2e-4).rate == 2e-4
    told = recipe.to_dict(["yes", "_unknown_"])
    assert told == replace(recipe, peak_rate=3e-5, words=()).to_dict(["yes", "_unknown_"])  # as if it had been given
    assert told["labels"] == ["yes", "_unknown_"]
    assert [FinetuneRecipe("a", "b").passes(steps) for steps in (7, 60, 61, 300)] == [43, 5, 5, 5]


def test_words_that_a_fine_tuning_names_twice_are_learnt_once(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text('name = "x"\nwords = ["yes", "no", "yes"]\n[backbone]\nmodel = "y"\n')
    recipe = read_finetune_recipe(tmp_path / "recipe.toml")
    assert recipe is not None
    assert recipe.words == ("yes", "no")


@pytest.mark.parametrize("words", ["[]", '["yes", "no", "yes"]', '["yes", "_unknown_"]'])
def test_words_that_are_none(tmp_path: Path, words: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(f'name = "x"\nwords = {words}\n')
    with pytest.raises(ConfigError, match="it must name at least one, each once"):
        read_recipe(path)


@pytest.mark.parametrize(
    "path", sorted(SHIPPED.parents[1].glob("*/*.toml")), ids=lambda path: str(path.relative_to(path.parents[1]))
)
def test_what_ships_is_within_bounds(path: Path) -> None:
    assert (read_finetune_recipe(path) or read_recipe(path)).words


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the recipe"):
        read_recipe(tmp_path / "recipe.toml")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["yes", "*"], "'*' is not allowed as a word"),
        (["yes", "silence"], "'silence' is not allowed as a word"),
        (["yes", "a\x07b"], "'a\\x07b' is not allowed as a word"),
        (["yes", "Yes"], "two of them differ in case alone"),
    ],
)
def test_words_that_no_model_could_fire_for(tmp_path: Path, words: list[str], told: str) -> None:
    """They were learnt to the end, and then refused, or never heard."""
    path, folders = (
        tmp_path / "recipe.toml",
        "".join(f'{key} = ["x"]\n' for key in ("words", "validation", "speech", "noise")),
    )
    path.write_text(f'name = "x"\nwords = {json.dumps(words)}\n[data]\n{folders}')
    with pytest.raises(ConfigError, match=re.escape(told)):
        read_recipe(path)
