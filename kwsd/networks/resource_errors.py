"""Recognises errors that are due to a lack of memory or descriptors, or to the GPU, not to a model or a package."""

from __future__ import annotations

import errno
import re

from kwsd.errors import DeviceError, first_line

_SCARCE = (errno.ENOMEM, errno.EMFILE, errno.ENFILE)
_NO_MEMORY = ("bad_alloc", "cannot allocate memory", "can't allocate memory")
"""Messages of C++, the dynamic linker and torch, whose errors have no class of their own."""
_BY_GPU = re.compile(r"CUDA (driver )?error|CUDA out of memory|No CUDA GPUs|NVIDIA driver|cuDNN|cuFFT")
"""What torch says when CUDA, its libraries or the driver fail; most of its errors are plain RuntimeErrors."""
_GPU_FULL = re.compile(r"out of memory|_ALLOC_FAILED")
_ASSERTED = "device-side assert"
"""What a kernel says of a wrong argument, such as an index outside its tensor: that is no fault of the GPU's."""


def is_scarcity(error: Exception) -> bool:
    """Whether a system call failed for want of memory or of descriptors."""
    return isinstance(error, OSError) and error.errno in _SCARCE


def check_memory(error: Exception) -> None:
    """Raise MemoryError if another library's error is due to a lack of memory."""
    if any(sign in str(error).lower() for sign in _NO_MEMORY):
        raise MemoryError(first_line(error)) from error


def gpu_failure(error: Exception) -> DeviceError | None:
    """The error to report where torch failed because of the GPU or its memory; None for any other error.

    A GPU may be full, lost, held by another process, or older than those that torch was built for."""
    said = str(error)
    if not isinstance(error, RuntimeError) or not _BY_GPU.search(said) or _ASSERTED in said:
        return None
    if _GPU_FULL.search(said):
        return DeviceError("the GPU has too little memory left", "free some, use a smaller batch, or --device cpu")
    return DeviceError(f"the GPU cannot be used: {first_line(error).rstrip('.')};", "use --device cpu")
