"""What a device can do at most, measured on it, and what a network asks of it for a window.

The roofline model (Williams, Waterman and Patterson 2009, "Roofline: An Insightful Visual Performance Model"): no
network is faster than the device's matrix units or its memory allow, whichever is less.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from kwsd.networks.torch_classifier import TorchClassifier

_SIDE = {"cuda": 8192, "cpu": 1024}
"""Rows and columns of the matrices that are multiplied: enough for every unit to be busy."""
_COPIED = {"cuda": 1 << 30, "cpu": 1 << 28}
"""Bytes that are copied: more than any cache holds."""
_LEAST_S = 0.2


@dataclass(frozen=True, slots=True)
class Bound:
    """Windows a second that a network can reach on its device: by its matrix units, and by its memory.

    A window takes `flops` floating point operations and `moved_bytes` to and from memory, if every layer writes what
    it gives and the next one reads it; the device does `flops_per_second` of the ones in the network's own precision,
    and `bytes_per_second` of the others.
    """

    flops: float
    moved_bytes: float
    flops_per_second: float
    bytes_per_second: float

    @property
    def windows_per_second(self) -> float:
        """The lower one of both."""
        return min(self.flops_per_second / self.flops, self.bytes_per_second / self.moved_bytes)

    @property
    def set_by(self) -> str:
        """What sets it: "matrix units" or "memory"."""
        by_memory = self.bytes_per_second / self.moved_bytes < self.flops_per_second / self.flops
        return "memory" if by_memory else "matrix units"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"windows_per_second": self.windows_per_second, "set_by": self.set_by}


@torch.inference_mode()
def bound(classifier: TorchClassifier) -> Bound:
    """Of this network on this device; takes a second. Raises torch's own RuntimeError where memory runs out."""
    window = torch.zeros(1, classifier.window_samples, device=classifier.device)
    dtype = next(classifier.network.parameters()).dtype
    flops, moved_bytes = _work(classifier.network, window)
    return Bound(flops, moved_bytes, _flops_per_second(classifier.device, dtype), _bytes_per_second(classifier.device))


def _work(network: torch.nn.Module, window: torch.Tensor) -> tuple[float, float]:
    """Operations for one window, and bytes that the layers give, twice: written, then read by the next one. Weights are
    read once for however many windows, and do not count."""
    given = 0

    def count(_module: Any, _inputs: Any, output: Any) -> None:
        nonlocal given
        if torch.is_tensor(output):
            given += output.numel() * output.element_size()

    hooks = [part.register_forward_hook(count) for part in network.modules() if next(part.children(), None) is None]
    try:
        with FlopCounterMode(display=False) as counter:
            network(window)
    finally:
        for hook in hooks:
            hook.remove()
    return float(counter.get_total_flops()), 2.0 * given


def _flops_per_second(device: str, dtype: torch.dtype) -> float:
    side = _SIDE[device]
    left, right = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    return 2.0 * side**3 / _fastest(lambda: left @ right, device)


def _bytes_per_second(device: str) -> float:
    source = torch.zeros(_COPIED[device], dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2.0 * len(source) / _fastest(lambda: target.copy_(source), device)


def _fastest(work: Callable[[], object], device: str) -> float:
    """Seconds of the fastest of several runs, after one that does not count."""

    def run() -> float:
        began = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - began

    run()
    took = [run()]
    while sum(took) < _LEAST_S:
        took.append(run())
    return min(took)
