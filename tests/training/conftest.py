"""A handful of clips that a tiny network can learn: high tones, low tones, and noise."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from kwsd.training.augmentation.sounds import Sounds
from kwsd.training.corpus import Corpus

RATE = 16_000


def beep(rng: np.random.Generator, *, high: bool) -> NDArray[np.float64]:
    """A second that holds 0.4 s of a high or a low tone."""
    time = np.arange(6400) / RATE
    pitch = (1700 if high else 350) + rng.uniform(-30, 30)
    second = rng.normal(0, 1e-3, RATE)
    place = int(rng.integers(3000, 6000))
    second[place : place + 6400] += 0.4 * np.sin(2 * np.pi * pitch * time) * np.hanning(6400)
    return second


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Path]:
    """tree("yes/a.wav", ...): a folder with these files, all empty."""

    def make(*names: str) -> Path:
        for name in names:
            place = tmp_path / "data" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
        return tmp_path / "data"

    return make


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A data root: words/up, words/down, speech/talk, noise/hiss."""
    rng = np.random.default_rng(11)
    sounds = {
        "words/up": [beep(rng, high=True) for _ in range(6)],
        "words/down": [beep(rng, high=False) for _ in range(6)],
        "speech/talk": [rng.normal(0, 0.05, 3 * RATE).cumsum() / 50 for _ in range(3)],
        "noise/hiss": [rng.normal(0, 0.05, 2 * RATE) for _ in range(3)],
    }
    for folder, clips in sounds.items():
        (tmp_path / folder).mkdir(parents=True)
        for number, clip in enumerate(clips):
            soundfile.write(tmp_path / folder / f"{number}.wav", clip, RATE)
    return tmp_path


RECIPE = """
name = "tiny"
words = ["down", "up"]
[network]
hidden_size = 32
intermediate_size = 64
num_attention_heads = 4
num_hidden_layers = 1
conv_dim = [16, 16, 32]
num_conv_pos_embeddings = 16
adapter_size = 8
head_size = 16
[data]
words = ["words"]
validation = ["words"]
speech = ["speech"]
noise = ["noise"]
held_out = 0
[mix]
words = 0.7
sentences = 0.0
cut = 0.0
glued = 0.0
silence = 0.3
channels = 2
easy_steps = 100000
[schedule]
seed = 4
batch = 8
front_end_steps = 0
steps = 12
warmup = 2
peak_rate = 3e-3
mine_every = 4
mine_windows = 8
validate_every = 6
"""


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def full_disk() -> Callable[[], AbstractContextManager[None]]:
    """with full_disk(): no file may grow beyond 10 kB."""

    @contextmanager
    def full() -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return full


def _corpus(clips: list[NDArray[np.int16]], cores: list[tuple[int, int]]) -> Corpus:
    lengths = np.array([len(clip) for clip in clips], np.int64)
    names = np.array([str(number) for number in range(len(clips))])
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
    return Corpus(np.concatenate(clips), names, names, names, starts, lengths, np.array(cores, np.int64))


@pytest.fixture
def sounds() -> Sounds:
    """One word: 10000 at samples 6000 to 9000 of silence. Speech is a constant 500, noise 100."""
    word = np.zeros(16_000, np.int16)
    word[6000:9000] = 10_000
    speech, noise = np.full(64_000, 500, np.int16), np.full(32_000, 100, np.int16)
    channel = np.zeros((1, 64), np.float32)
    channel[0, 0] = 1.0
    return Sounds(
        _corpus([word], [(6000, 9000)]), _corpus([speech], [(0, 64_000)]), _corpus([noise], [(0, 32_000)]), channel
    )
