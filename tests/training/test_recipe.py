"""A recipe that is wrong says where."""

from __future__ import annotations

from pathlib import Path

import pytest

from kwsd.errors import ConfigError, InputError
from kwsd.training.recipe_file import read_recipe

SHIPPED = Path(__file__).parents[2] / "models" / "hubert-commands" / "recipe.toml"


def test_the_shipped_recipe_is_read() -> None:
    recipe = read_recipe(SHIPPED)
    assert recipe.name == "hubert-commands"
    assert len(recipe.words) == 35
    assert recipe.network.conv_stride == (64, 3, 4)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name = = 3", "line 1"),
        ('words = ["yes"]', "the key name is missing"),
        ('name = "x"\nwords = ["yes"]\n[schedule]\nstep = 5', "did you mean schedule.steps"),
        ('name = "x"\nwords = ["yes"]\n[schedule]\nsteps = "many"', "schedule.steps must be of type int"),
        ('name = "x"\nwords = ["yes"]\n[schedule]\nbatch = true', "schedule.batch must be of type int"),
        ('name = "x"\nwords = "yes"', "words must be an array of strings"),
        ('name = "x"\nwords = ["yes"]\n[mix]\nwords = 0.9', "sum to"),
        ('name = "x"\nwords = ["yes"]\n[mix]\nnoise_snr = [20, -2]', "two numbers of dB"),
        ('name = "x"\nwords = ["yes"]\n[mix]\nnoise_snr = [20]', "two numbers of dB"),
        ('name = "x"\nwords = ["yes"]\nmix = 3', "mix must be a table"),
        ('name = "x"\nwords = ["yes"]\n[teacher]\nweights = "e"\nlayers = [0]', "one layer for each"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=told):
        read_recipe(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the recipe"):
        read_recipe(tmp_path / "recipe.toml")
