"""What a device allows a network at most."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kwsd.networks.roofline import Bound, bound
from kwsd.networks.torch_classifier import load_own

SHIPPED = Path(__file__).parents[2] / "models" / "hubert-commands"


def test_the_lower_of_both_sets_it() -> None:
    starved = Bound(flops=1e6, moved_bytes=1e6, flops_per_second=1e12, bytes_per_second=1e9)
    assert (starved.windows_per_second, starved.set_by) == (1e3, "memory")
    busy = Bound(flops=1e9, moved_bytes=1e3, flops_per_second=1e12, bytes_per_second=1e9)
    assert (busy.windows_per_second, busy.set_by) == (1e3, "matrix units")


def test_of_a_network_on_this_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    emptied: list[bool] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(True))
    classifier = load_own(SHIPPED, "shipped", "cpu")
    found = bound(classifier)
    assert emptied == [True]  # kwsd bench starts a daemon next, which may compute on the same GPU
    # Its first convolution alone, and what that gives, written and read.
    config = classifier.network.config
    steps = (config.window_samples - config.conv_kernel[0]) // config.conv_stride[0] + 1
    assert found.flops > 2 * steps * config.conv_dim[0] * config.conv_kernel[0]
    assert found.moved_bytes > 2 * 4 * steps * config.conv_dim[0]
    assert found.flops_per_second > 1e8
    assert found.bytes_per_second > 1e8
    assert not any(part._forward_hooks for part in classifier.network.modules())
