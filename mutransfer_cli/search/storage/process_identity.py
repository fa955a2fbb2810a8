"""The identity of a process, and whether it still runs, as far as this machine can tell."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any


def this_process() -> dict[str, Any]:
    """Where and what this process is.

    `place` is equal only where process ids mean the same (the key is stored in studies).
    """
    pid = os.getpid()
    return {
        "host": socket.gethostname(),
        "pid": pid,
        "place": pid_namespace(),
        "started": start_time(pid),
    }


def pid_namespace() -> str | None:
    """The boot of the machine and the namespace of its process ids; None where unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return None


def start_time(pid: int) -> str | None:
    """When a process started, in the kernel's ticks; None where there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def is_dead(process: dict[str, Any]) -> bool:
    """Whether a process is known to be gone; False where it lives or cannot be seen from here."""
    here = pid_namespace()
    if here is None or process.get("place") != here or process.get("started") is None:
        return False
    started: str = process["started"]
    return start_time(int(process["pid"])) != started
