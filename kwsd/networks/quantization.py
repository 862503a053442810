"""Quantisation of weights to 8 bits, for smaller files and for graphs that compute with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Weights = Mapping[str, NDArray[Any]]
"""Tensors by the names that the model's `state_dict` gives them, of any floating-point type."""

SCALE = ".scale"
LARGE = 50_000
"""Fewest values of a tensor that is worth quantising."""


def compacted(weights: Weights) -> dict[str, NDArray[Any]]:
    """The tensors for a smaller file: large ones in 8 bits, the others in half precision.

    A large tensor (outputs, ...) becomes int8 from -127 to 127, with `name.scale` (outputs,) float32 beside it.
    """
    found: dict[str, NDArray[Any]] = {}
    for name, values in weights.items():
        if values.size < LARGE or values.ndim < 2:
            found[name] = values.astype(np.float16)
            continue
        rows = values.astype(np.float32).reshape(len(values), -1)
        whole, scale = quantise(rows.T, 127)
        found[name], found[name + SCALE] = np.ascontiguousarray(whole.T).reshape(values.shape), scale
    return found


@np.errstate(all="ignore")  # weights that are not finite show in the scores, which are checked
def expanded(weights: Weights) -> dict[str, NDArray[Any]]:
    """The inverse of `compacted`: quantised tensors as float32, to within half a step; the others as they are."""
    found: dict[str, NDArray[Any]] = {}
    for name, values in weights.items():
        if name.endswith(SCALE) and name.removesuffix(SCALE) in weights:
            continue
        found[name] = unscaled(values, weights.get(name + SCALE))
    return found


def unscaled(values: NDArray[Any], scale: NDArray[Any] | None) -> NDArray[Any]:
    """A tensor of `compacted`, multiplied by its scale if it has one.

    Raises ValueError where the scale is not for its rows: numpy would make a matrix of the size of both together.
    """
    if scale is None:
        return values
    if values.ndim < 1 or scale.shape != values.shape[:1]:
        raise ValueError(f"a scale of shape {scale.shape} for weights of shape {values.shape}")
    spread: NDArray[Any] = values * scale.reshape(-1, *[1] * (values.ndim - 1))
    return spread


def quantise(matrix: NDArray[np.float32], levels: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """(inputs, outputs) -> integers from -levels to levels, and the scale (outputs,) of each column."""
    scale = np.maximum(matrix.max(axis=0), -matrix.min(axis=0)) / np.float32(levels)
    scale[scale == 0] = 1
    steps = matrix / scale
    return np.rint(steps, out=steps).astype(np.int8), scale.astype(np.float32)
