"""What the machine lacks, and no model or package is to blame for."""

from __future__ import annotations

import errno

from kwsd.errors import first_line

_SCARCE = (errno.ENOMEM, errno.EMFILE, errno.ENFILE)
_NO_MEMORY = ("bad_alloc", "cannot allocate memory")
"""What C++ and the dynamic linker say, whose errors have no class of their own."""


def is_scarcity(error: Exception) -> bool:
    """Whether a system call failed for want of memory or of descriptors."""
    return isinstance(error, OSError) and error.errno in _SCARCE


def check_memory(error: Exception) -> None:
    """Raise MemoryError where another library's error tells of a lack of memory."""
    if any(sign in str(error).lower() for sign in _NO_MEMORY):
        raise MemoryError(first_line(error)) from error
