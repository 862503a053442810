"""A recipe that learns in a second, and its data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

RECIPE = """
name = "tones"
words = ["yes", "no"]
[network]
hidden_size = 16
intermediate_size = 32
num_attention_heads = 8
num_hidden_layers = 1
conv_dim = [8, 8, 16]
num_conv_pos_embeddings = 16
adapter_size = 4
head_size = 8
[data]
words = ["clips"]
validation = ["clips"]
speech = ["speech"]
noise = ["speech"]
held_out = 0
[mix]
word_offsets = ["no=0.5"]
channels = 2
[schedule]
batch = 4
steps = {steps}
warmup = 2
mine_every = 20
mine_windows = 8
validate_every = 20
"""


@pytest.fixture
def root(clips: Path, tmp_path: Path) -> Path:
    """A data root: words, and sentences that serve as noise too."""
    folder = tmp_path / "data"
    for label, place in (("yes", "clips/yes"), ("no", "clips/no"), ("dog", "speech/the dog")):
        (folder / place).mkdir(parents=True)
        for clip in (clips / label).iterdir():
            (folder / place / clip.name).write_bytes(clip.read_bytes())
    return folder


@pytest.fixture
def recipe(tmp_path: Path) -> Callable[[int], Path]:
    """Makes a recipe of so many steps."""

    def make(steps: int) -> Path:
        path = tmp_path / f"recipe-{steps}.toml"
        path.write_text(RECIPE.replace("{steps}", str(steps)), encoding="utf-8")
        return path

    return make
