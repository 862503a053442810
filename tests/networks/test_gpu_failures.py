"""What CUDA says when it fails, or torch where there is no memory, is no fault of the model's."""

from __future__ import annotations

from pathlib import Path

import pytest

from kwsd.errors import DeviceError, ModelError
from kwsd.networks.loading import loading

_AND_SO_ON = "\nCUDA kernel errors might be asynchronously reported at some other API call."


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("CUDA error: no kernel image is available for execution on the device", "no kernel image"),
        ("CUDA error: CUDA-capable device(s) is/are busy or unavailable", "busy or unavailable"),
        ("CUDA error: out of memory", "too little memory"),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", "too little memory"),
        ("CUDA driver error: out of memory", "too little memory"),
        ("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED", "CUDNN_STATUS_NOT_INITIALIZED"),
        ("The NVIDIA driver on your system is too old (found version 11040).", "driver on your system is too old"),
    ],
)
def test_a_gpu_that_fails_while_a_model_is_loaded(said: str, told: str) -> None:
    """As a model's fault it would end kwsd with 78, on which systemd does not start it again."""
    with pytest.raises(DeviceError, match="--device cpu") as caught, loading("mine", Path("folder")):
        raise RuntimeError(said + _AND_SO_ON)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("said", ["CUDA error: device-side assert triggered", "size mismatch for weight"])
def test_a_wrong_argument_is_not_the_gpus_fault(said: str) -> None:
    with pytest.raises(ModelError), loading("mine", Path("folder")):
        raise RuntimeError(said)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[enforce fail at alloc_cpu.cpp:125] DefaultCPUAllocator: can't allocate memory: you tried"),
        OSError(12, "Cannot allocate memory"),
    ],
)
def test_nor_is_a_machine_without_memory_the_models(error: Exception) -> None:
    with pytest.raises(MemoryError), loading("mine", Path("folder")):
        raise error
