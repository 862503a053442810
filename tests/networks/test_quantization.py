"""Weights in eight bits, and back."""

from __future__ import annotations

import numpy as np
import pytest

from kwsd.networks.quantization import quantise, unscaled


def test_eight_bits_are_off_by_half_a_step_at_most() -> None:
    matrix = np.random.default_rng(3).normal(size=(50, 7)).astype(np.float32)
    matrix[:, 4] = 0
    for levels in (127, 63):
        whole, scale = quantise(matrix, levels)
        assert np.abs(whole[:, :4]).max() == levels
        assert (np.abs(whole * scale - matrix) <= scale / 2 * 1.0001).all()


def test_a_scale_makes_no_matrix_of_a_row() -> None:
    """Of 400 kB of weights, numpy would make 160 GB."""
    row, scale = np.ones((1, 200_000), np.int8), np.ones(200_000, np.float32)
    with pytest.raises(ValueError, match=r"a scale of shape \(200000,\) for weights of shape \(1, 200000\)"):
        unscaled(row, scale)
    assert (unscaled(row, 2 * scale[:1]) == 2).all()
