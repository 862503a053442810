"""Measures a device's peak performance, and computes from it how fast a network can be there.

The roofline model (Williams, Waterman and Patterson 2009, "Roofline: An Insightful Visual Performance Model"): the
device's matrix units or its memory bandwidth, whichever is slower, bound the speed of a network.
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
    """The bounds that matrix units and memory set to the windows per second of a network on its device.

    A window takes `flops` floating-point operations, and moves `moved_bytes` to and from memory if every layer writes
    its output and the next one reads it. The device computes `flops_per_second` in the network's own precision, and
    moves `bytes_per_second`.
    """

    flops: float
    moved_bytes: float
    flops_per_second: float
    bytes_per_second: float

    @property
    def windows_per_second(self) -> float:
        """The lower of the two bounds."""
        return min(self.flops_per_second / self.flops, self.bytes_per_second / self.moved_bytes)

    @property
    def set_by(self) -> str:
        """What sets the lower bound: "matrix units" or "memory"."""
        by_memory = self.bytes_per_second / self.moved_bytes < self.flops_per_second / self.flops
        return "memory" if by_memory else "matrix units"

    def to_dict(self) -> dict[str, Any]:
        """The fields and both properties, as a dictionary for JSON."""
        return asdict(self) | {"windows_per_second": self.windows_per_second, "set_by": self.set_by}


@torch.inference_mode()
def bound(classifier: TorchClassifier) -> Bound:
    """The bound of this network on its device; takes a second. Raises torch's RuntimeError if memory runs out."""
    window = torch.zeros(1, classifier.window_samples, device=classifier.device)
    dtype = next(classifier.network.parameters()).dtype
    flops, moved_bytes = _work(classifier.network, window)
    try:
        peak, moved = _flops_per_second(classifier.device, dtype), _bytes_per_second(classifier.device)
    finally:
        torch.cuda.empty_cache()  # torch would keep 3 GB of the GPU, where another process may run next
    return Bound(flops, moved_bytes, peak, moved)


def _work(network: torch.nn.Module, window: torch.Tensor) -> tuple[float, float]:
    """The operations for one window, and the bytes that its layers move.

    Each layer's output counts twice, as it is written, then read by the next layer. Weights do not count, as they are
    read once for any number of windows.
    """
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
    """Seconds of the fastest of several runs, after a warm-up run."""

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
