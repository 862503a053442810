"""A whole recording in one piece, or in equal ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.errors import ModelError
from kwsd.evaluation.output_files import save_wav
from kwsd.evaluation.whole import classify_file, pieces, spread


class Level:
    """Hears "loud" as loud as it is, and keeps how much it heard at once."""

    name, labels = "level", ("quiet", "loud")

    def __init__(self) -> None:
        self.lengths: list[int] = []

    def score(self, windows: NDArray[np.float32], rate: int = 16_000) -> NDArray[np.float32]:
        assert rate in (8_000, 16_000)
        self.lengths.append(windows.shape[1])
        loud = np.abs(windows).mean(axis=1)
        return np.stack([1 - loud, loud], axis=1)


@pytest.mark.parametrize(("length", "count"), [(0, 1), (1, 1), (100, 1), (101, 2), (1000, 10), (1001, 11)])
def test_pieces(length: int, count: int) -> None:
    samples = np.ones(length, np.float32)
    cut = pieces(samples, 100, 20)
    assert len(cut) == count
    assert sum(piece.sum() for piece in cut) == length
    assert all(20 <= len(piece) <= 100 for piece in cut)


@pytest.mark.parametrize(("length", "count"), [(0, 1), (99, 1), (100, 1), (101, 2), (250, 3), (300, 3)])
def test_pieces_of_one_length_leave_nothing_out(length: int, count: int) -> None:
    samples = np.arange(1, length + 1, dtype=np.float32)
    cut = spread(samples, 100)
    assert [len(piece) for piece in cut] == [100] * count
    assert set(np.concatenate(cut)) - {0} == set(samples)


def test_scores_of_pieces_are_averaged_and_sorted(tmp_path: Path) -> None:
    save_wav(tmp_path / "half.wav", np.repeat(np.array([0, 24_576], np.int16), 16_000))
    whole, cut = Level(), Level()
    (best, _) = classify_file(tmp_path / "half.wav", whole, rate=16_000)
    assert (best.label, best.score) == ("quiet", pytest.approx(0.625))
    (best, second) = classify_file(tmp_path / "half.wav", cut, rate=16_000, longest=16_000)
    assert (second.label, second.score) == ("loud", pytest.approx(0.375))
    assert (whole.lengths, cut.lengths) == ([32_000], [16_000, 16_000])


def test_a_network_at_another_rate_gets_its_own(tmp_path: Path) -> None:
    save_wav(tmp_path / "tone.wav", np.full(16_000, 8_192, np.int16))
    heard = Level()
    classify_file(tmp_path / "tone.wav", heard, rate=8_000, longest=8_000)
    assert heard.lengths == [4_000, 4_000]


def test_a_network_that_divides_by_the_level_of_silence_is_told_of(tmp_path: Path) -> None:
    class Dividing(Level):
        @np.errstate(invalid="ignore")
        def score(self, windows: NDArray[np.float32], rate: int = 16_000) -> NDArray[np.float32]:
            return super().score(windows / np.abs(windows).max(), rate)

    save_wav(tmp_path / "silence.wav", np.zeros(16_000, np.int16))
    with pytest.raises(ModelError, match="level: its scores are not finite"):
        classify_file(tmp_path / "silence.wav", Dividing(), rate=16_000)
