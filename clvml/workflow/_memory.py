"""Memory that a stage has freed, returned to the system before the next one."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress


def release_memory() -> None:
    """Return free memory to the system, where its C library can (glibc): it keeps it for itself otherwise.

    Arrays of a million customers, once freed, would lie between smaller ones that are still in use.
    """
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
