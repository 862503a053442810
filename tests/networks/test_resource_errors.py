"""Which errors are for want of something, and not a model's fault."""

from __future__ import annotations

import errno

import pytest

from kwsd.networks.resource_errors import gpu_failure, is_scarcity


@pytest.mark.parametrize(
    ("number", "scarce"),
    [(errno.ENOMEM, True), (errno.EMFILE, True), (errno.ENFILE, True), (errno.ENOENT, False), (errno.EACCES, False)],
)
def test_a_lack_of_memory_or_descriptors_is_scarcity(number: int, scarce: bool) -> None:
    assert is_scarcity(OSError(number, "said")) is scarce
    assert not is_scarcity(ValueError(number))


def test_only_an_error_of_torchs_is_the_gpus() -> None:
    assert gpu_failure(RuntimeError("CUDA error: out of memory"))
    assert gpu_failure(ValueError("config.json: hidden_act is 'CUDA error'")) is None
