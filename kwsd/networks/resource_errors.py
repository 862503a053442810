"""Recognises errors that are due to a lack of memory or descriptors, not to a model or a package."""

from __future__ import annotations

import errno

from kwsd.errors import first_line

_SCARCE = (errno.ENOMEM, errno.EMFILE, errno.ENFILE)
_NO_MEMORY = ("bad_alloc", "cannot allocate memory")
"""Messages of C++ and the dynamic linker, whose errors have no class of their own."""


def is_scarcity(error: Exception) -> bool:
    """Whether a system call failed for want of memory or of descriptors."""
    return isinstance(error, OSError) and error.errno in _SCARCE


def check_memory(error: Exception) -> None:
    """Raise MemoryError if another library's error is due to a lack of memory."""
    if any(sign in str(error).lower() for sign in _NO_MEMORY):
        raise MemoryError(first_line(error)) from error
