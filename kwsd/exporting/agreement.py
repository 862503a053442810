"""Compares the scores of exported graphs with those of the network on torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd.classifier import Classifier
from kwsd.errors import ModelError
from kwsd.networks.onnx_loading import load_onnx
from kwsd.networks.torch_classifier import load_own

TOLERANCE = 1e-4
"""The greatest difference of a score that is allowed in single precision."""
_WINDOWS = 32


@dataclass(frozen=True, slots=True)
class Agreement:
    """The greatest difference of any score, in single precision and in 8 bits.

    `same` is the share of windows for which 8 bits give the same best label.
    """

    float32: float
    int8: float
    same: float


def compare(folder: Path, float32: bytes, int8: bytes, windows: NDArray[np.float32] | None = None) -> Agreement:
    """Score `windows` (n, samples), or sounds drawn from a seed, with torch and with both graphs.

    Raises:
        ModelError: the graph in single precision differs by more than the tolerance, or a graph does not run.
    """
    original = load_own(folder, folder.name, "cpu")
    given = sounds(original.window_samples) if windows is None else windows
    exact, coarse = (load_onnx(folder, folder.name, original.labels, graph=graph) for graph in (float32, int8))
    return agreement(str(folder), original, exact, coarse, given)


def agreement(
    name: str, original: Classifier, exact: Classifier, coarse: Classifier, windows: NDArray[np.float32]
) -> Agreement:
    """How far the scores of two engines, in single precision and in 8 bits, are off the original's.

    `windows` are (n, samples) at 16 kHz.

    Raises:
        ModelError: the engine in single precision differs by more than the tolerance.
    """
    expected, exactly, coarsely = (engine.score(windows) for engine in (original, exact, coarse))
    difference = float(np.abs(exactly - expected).max())
    if not difference <= TOLERANCE:
        raise ModelError(
            f"{name}: the ONNX graph's scores differ from the model's by {difference:.2g}, so it was not written;",
            "use the model itself, with --model",
        )
    return Agreement(
        float32=difference,
        int8=float(np.abs(coarsely - expected).max()),
        same=float((coarsely.argmax(axis=1) == expected.argmax(axis=1)).mean()),
    )


def sounds(length: int, count: int = _WINDOWS) -> NDArray[np.float32]:
    """Synthetic test sounds, (count, length) float32: buzzes of gliding pitch in noise, from soft to loud."""
    rng = np.random.default_rng(7)
    time = np.arange(length) / length
    found = []
    for level in np.geomspace(1e-3, 0.5, count):
        pitch = np.cumsum(rng.uniform(80, 250) * (1 + 0.3 * np.sin(2 * np.pi * rng.uniform(0.5, 3) * time))) / length
        buzz = sum(np.sin(2 * np.pi * k * pitch) * rng.uniform(0, 1) / k for k in range(1, 25))
        swell = np.clip(np.sin(2 * np.pi * (rng.uniform(1, 3) * time + rng.uniform())), 0, 1)
        found.append(level * (buzz * swell + rng.normal(0, rng.uniform(0.01, 0.3), length)))
    return np.array(found, np.float32)
