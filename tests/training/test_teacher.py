"""What the teacher says is asked once, numbered through all recordings, and found again."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import MoonshineConfig, MoonshineModel

from kwsd.errors import DeviceError, InputError
from kwsd.training.corpus import Corpus, all_seconds, first_seconds, seconds_in
from kwsd.training.teacher import FRAMES, TeacherFeatures, load_teacher, teacher_features


def corpus(lengths: list[int]) -> Corpus:
    starts = np.cumsum([0, *lengths[:-1]]).astype(np.int64)
    names = np.array([str(number) for number in range(len(lengths))])
    samples = np.random.default_rng(3).integers(-9000, 9000, sum(lengths)).astype(np.int16)
    cores = np.zeros((len(lengths), 2), np.int64)
    return Corpus(samples, names, names, names, starts, np.array(lengths, np.int64), cores)


def test_all_seconds_of_a_corpus_lie_half_a_second_apart() -> None:
    recordings = corpus([4_000, 16_000, 40_000])
    rows, starts = all_seconds(recordings)
    assert rows.tolist() == [0, 1, 1, 2, 2, 2, 2, 2]
    assert starts.tolist() == [0, 0, 8_000, 0, 8_000, 16_000, 24_000, 32_000]
    assert seconds_in(recordings.lengths).tolist() == [1, 2, 5]


def test_vectors_are_found_by_their_number_through_all_parts() -> None:
    first = np.arange(2 * FRAMES * 288, dtype=np.float32).reshape(2, FRAMES, 288).astype(np.float16)
    second = -first[:1]
    taken = TeacherFeatures((first, second)).take(np.array([2, 0]), np.array([[0, 1], [5, 39]]))
    np.testing.assert_array_equal(taken[0], second[0, [0, 1]].astype(np.float32))
    np.testing.assert_array_equal(taken[1], first[0, [5, 39]].astype(np.float32))


def test_spread_is_by_dimension() -> None:
    part = np.zeros((3, FRAMES, 288), np.float16)
    part[:, :, 1] = 4
    part[:, ::2, 2] = 1
    mean, deviation = TeacherFeatures((part,)).spread()
    assert mean[:3] == pytest.approx([0, 4, 0.5])
    assert deviation[:3] == pytest.approx([0.001, 0.001, 0.501])


def test_a_disk_that_fills_up_while_it_is_asked(
    tmp_path: Path, full_disk: Callable[[], AbstractContextManager[None]]
) -> None:
    encoder = MoonshineModel(MoonshineConfig(decoder_num_hidden_layers=1, encoder_num_hidden_layers=1)).encoder.eval()
    recordings = corpus([16_000])
    with full_disk(), pytest.raises(DeviceError, match=r"cannot be written .* make room"):
        teacher_features(encoder, "hash", recordings, first_seconds(recordings), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_teacher_is_asked_once(tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder = MoonshineModel(MoonshineConfig(decoder_num_hidden_layers=1, encoder_num_hidden_layers=1)).encoder.eval()
    recordings = corpus([16_000, 20_000])
    asked: list[int] = []
    said = teacher_features(
        encoder, "hash", recordings, first_seconds(recordings), tmp_path, lambda done, _: asked.append(done)
    )
    assert said.shape == (2, FRAMES, 288)
    assert asked == [2]
    again = teacher_features(
        encoder, "hash", recordings, first_seconds(recordings), tmp_path, lambda done, _: asked.append(done)
    )
    assert asked == [2]
    np.testing.assert_array_equal(again, said)
    teacher_features(
        encoder, "another", recordings, first_seconds(recordings), tmp_path, lambda done, _: asked.append(done)
    )
    assert asked == [2, 2]
    assert {path.suffix for path in tmp_path.iterdir()} == {".features"}
    louder = replace(recordings, samples=recordings.samples + np.int16(1))  # the same names, recorded again
    teacher_features(encoder, "hash", louder, first_seconds(louder), tmp_path, lambda done, _: asked.append(done))
    assert asked == [2, 2, 2]


@pytest.mark.parametrize("left", [0, 1_000])
def test_the_teacher_is_asked_again_after_a_power_cut(tmp_path: Path, left: int) -> None:
    """The file may have its name before its contents."""
    encoder = MoonshineModel(MoonshineConfig(decoder_num_hidden_layers=1, encoder_num_hidden_layers=1)).encoder.eval()
    recordings = corpus([16_000])
    said = np.array(teacher_features(encoder, "hash", recordings, first_seconds(recordings), tmp_path))
    (place,) = tmp_path.iterdir()
    os.truncate(place, left)
    again = teacher_features(encoder, "hash", recordings, first_seconds(recordings), tmp_path)
    np.testing.assert_array_equal(again, said)


@pytest.mark.parametrize("spoil", ["no file", "no safetensors", "another network"])
def test_what_is_no_encoder_is_told_in_a_line(tmp_path: Path, spoil: str) -> None:
    weights = tmp_path / "encoder.safetensors"
    if spoil == "no safetensors":
        weights.write_bytes(b"PK\3\4")
    elif spoil == "another network":
        save_file({"model.encoder.conv1.weight": torch.zeros(1)}, weights)
    with pytest.raises(InputError, match=r"^[^\n]*encoder\.safetensors[^\n]*set \[teacher\] weights in the recipe$"):
        load_teacher(weights)
