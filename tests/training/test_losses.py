"""What a network is compared with lies where its window shows it, and nothing else counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import MoonshineConfig, MoonshineModel

from kwsd.networks.moonshine import quieten
from kwsd.training.batches import NONE, Batch
from kwsd.training.losses import feature_loss, front_end_loss
from kwsd.training.teacher import FRAMES, STRIDE, TeacherFeatures, convolutions

SECONDS = 3
TAUGHT = TeacherFeatures((np.random.default_rng(1).normal(0, 1, (SECONDS, FRAMES, 288)).astype(np.float16),))
VARIANCE = torch.full((288,), 4.0)


def heard(seconds: list[int], shifts: list[int], every: int) -> tuple[torch.Tensor, Batch]:
    """Frames like the teacher's, `every` second, third or further of them, and 1e3 wherever it knows nothing."""
    frames = np.full((len(seconds), FRAMES // every, 288), 1e3, np.float32)
    for row, (second, shift) in enumerate(zip(seconds, shifts, strict=True)):
        for frame in range(frames.shape[1]):
            place = frame * every - round(shift / STRIDE)
            if second != NONE and 0 <= place < FRAMES:
                frames[row, frame] = TAUGHT.parts[0][second, place]
    empty = np.zeros((len(seconds), 1), np.float32)
    batch = Batch(empty, np.zeros(len(seconds), np.int64), np.array(seconds), np.array(shifts))
    return torch.from_numpy(frames), batch


@pytest.mark.parametrize("every", [1, 2])
def test_frames_are_compared_where_the_second_lies_and_nowhere_else(every: int) -> None:
    frames, batch = heard([2, NONE, 0, 1], [0, 0, 5 * STRIDE, -3 * STRIDE - 10], every)
    assert feature_loss(frames, batch, TAUGHT, VARIANCE, every * STRIDE).item() == 0
    later = torch.roll(frames, 1, dims=1)
    assert feature_loss(later, batch, TAUGHT, VARIANCE, every * STRIDE).item() > 0.1


def test_an_error_counts_relative_to_the_variance_on_the_frames_that_are_known() -> None:
    frames, batch = heard([2, 1], [0, 20 * STRIDE], 1)  # of the second window half is known
    assert feature_loss(frames + 1, batch, TAUGHT, VARIANCE, STRIDE).item() == pytest.approx(1 / 4)


@pytest.mark.parametrize("frame", [0, FRAMES - 1])
def test_the_first_and_the_last_frame_of_a_second_count(frame: int) -> None:
    frames, batch = heard([1], [0], 1)
    frames[0, frame] += 1
    assert feature_loss(frames, batch, TAUGHT, VARIANCE, STRIDE).item() == pytest.approx(1 / 4 / FRAMES)


def test_where_nothing_is_known_there_is_no_loss() -> None:
    frames, batch = heard([NONE, NONE], [0, 0], 1)
    assert feature_loss(frames, batch, TAUGHT, VARIANCE, STRIDE).item() == 0


def test_convolutions_are_compared_with_every_second_vector_of_the_teachers() -> None:
    """Relative to their variance, and as far as there are any: the last may need more samples than the window has."""
    torch.manual_seed(0)
    teacher = MoonshineModel(MoonshineConfig(decoder_num_hidden_layers=1, encoder_num_hidden_layers=1)).encoder.eval()
    windows = torch.randn(2, 16_000) * 0.1
    with torch.no_grad():
        every = convolutions(teacher, quieten(windows))
    for frames in (20, 19):
        assert front_end_loss(teacher, windows, every[:, ::2][:, :frames]).item() == 0
        assert front_end_loss(teacher, windows, every[:, 1::2][:, :frames]).item() > 0.01
    wanted = every[:, ::2]
    assert front_end_loss(teacher, windows, wanted.mean().expand_as(wanted)).item() == pytest.approx(1, rel=1e-3)
