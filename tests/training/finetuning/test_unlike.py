"""Clips of a word that do not sound like its others are named, before anything is learnt from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from kwsd.audio.decoding.files import read_clip
from kwsd.evaluation.output_files import save_wav
from kwsd.training.finetuning.adopting import adopt
from kwsd.training.finetuning.finetune import Finetuning
from kwsd.training.finetuning.labelled import find_labelled
from kwsd.training.finetuning.recipe import FinetuneRecipe
from kwsd.training.finetuning.unlike import Progress, odd_ones
from kwsd.zoo import find_model, read_card

RECORDINGS = Path(__file__).parents[2] / "recordings"
RECIPE = FinetuneRecipe("ours", "hubert-commands", frozen=True)
HAPPY = 104_000
"""Where the word lies in the recording of commands, in samples."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six clips of a new word, one of which holds something else, and talk."""
    said, talk = (read_clip(RECORDINGS / name) for name in ("commands.flac", "sentence.flac"))
    for number in range(6):
        start = HAPPY - 700 * number
        clip = said[start : start + 16_000] if number != 2 else talk[16_000:32_000]
        save_wav(tmp_path / "data" / "hey" / f"{number}.wav", clip // (1 + number))
    save_wav(tmp_path / "data" / "_unknown_" / "talk.wav", talk)
    return tmp_path / "data"


def unlike(data: Path, known: Sequence[str], progress: Progress = lambda *_: None) -> list[tuple[str, list[Path], int]]:
    """What a run over `data` names, before it learns."""
    found = find_labelled(data).completed()
    model, extractor = adopt(find_model("hubert-commands"), RECIPE, found.labels, "cpu")
    return list(Finetuning(RECIPE, model, extractor, found, data.parent, "cpu").unlike_others(known, progress))


def test_a_clip_of_something_else_is_named(data: Path) -> None:
    """A muted clip is none of them, nor is a damaged one."""
    assert unlike(data, read_card("hubert-commands").labels) == [("hey", [data / "hey" / "2.wav"], 6)]
    save_wav(data / "hey" / "muted.wav", np.zeros(16_000, np.int16))
    (data / "hey" / "damaged.wav").write_bytes(b"RIFF")
    heard: list[tuple[int, int]] = []
    assert unlike(data, (), lambda *counts: heard.append(counts)) == [("hey", [data / "hey" / "2.wav"], 8)]
    assert heard == [(done, 38) for done in range(1, 39)]  # with thirty windows of talk


def test_where_nothing_can_be_told_nothing_is(data: Path) -> None:
    """A word that the network knows is like any other that it knows, and four clips do not tell how it sounds."""
    assert not unlike(data, ("Hey",))
    for number in range(4, 6):
        (data / "hey" / f"{number}.wav").unlink()
    assert not unlike(data, ())


def test_without_talk_nothing_is_told(data: Path) -> None:
    talk = read_clip(data / "_unknown_" / "talk.wav")
    save_wav(data / "_unknown_" / "talk.wav", talk[:16_000])
    assert not unlike(data, ())


def test_a_third_may_be_odd_but_not_more() -> None:
    """Of more, the others may be the wrong ones."""
    one, other = np.eye(8, dtype=np.float32)[:2]
    jitter = np.random.default_rng(0).normal(0, 0.05, (9, 8)).astype(np.float32)
    assert odd_ones(jitter + np.stack([one] * 9)) == []
    assert odd_ones(jitter + np.stack([one] * 4 + [other] * 3 + [one] * 2)) == [4, 5, 6]
    assert odd_ones(jitter + np.stack([one] * 5 + [other] * 4)) == []
    assert odd_ones(np.zeros((9, 8), np.float32)) == []
