"""The identity of a process: host, number and time of its start, by which one that is gone is known."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path


def this_process() -> str:
    """Host, number and start of this process, such as ``"web1 4711 b4c1f9-881233"``."""
    return f"{platform.node() or 'unnamed'} {os.getpid()} {start_of(os.getpid())}"


def is_gone(process: str) -> bool:
    """Whether a process, as `this_process` describes it, was on this host and has ended.

    A process on another host, or one of which nothing can be found, counts as running.

    Examples
    --------
    >>> is_gone(this_process()), is_gone("another-host 1 x")
    (False, False)
    """
    host, _, rest = process.partition(" ")
    number, _, start = rest.partition(" ")
    if host != (platform.node() or "unnamed") or os.name != "posix" or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:  # of another user
        return start_of(int(number)) not in ("", start)
    return start_of(int(number)) not in ("", start)  # else the system gave the number to another process


def start_of(number: int) -> str:
    """When a process started, as text that no other process of this number has; empty where unknown."""
    try:
        if sys.platform == "linux":
            boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:6]
            return f"{boot}-{Path(f'/proc/{number}/stat').read_text().rpartition(')')[2].split()[19]}"
        asked = ["ps", "-o", "lstart=", "-p", str(number)]
        said = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=True).stdout
        return "-".join(said.split())
    except (OSError, IndexError, subprocess.SubprocessError):
        return ""
