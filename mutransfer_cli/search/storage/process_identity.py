"""The identity of a process, and whether it is still running as far as this machine can tell."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any


def this_process() -> dict[str, Any]:
    """The identity of this process, as stored in studies.

    Process ids are comparable only between processes with an equal `place`.
    """
    pid = os.getpid()
    return {
        "host": socket.gethostname(),
        "pid": pid,
        "place": pid_namespace(),
        "started": start_time(pid),
    }


def pid_namespace() -> str | None:
    """The machine's boot id and the namespace of its process ids; None if unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return None


def start_time(pid: int) -> str | None:
    """When a process started, in kernel ticks; None if there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def is_dead(process: dict[str, Any]) -> bool:
    """Whether a process is known to have ended; False if it runs or is not visible from here."""
    namespace = pid_namespace()
    if namespace is None or process.get("place") != namespace or process.get("started") is None:
        return False
    started: str = process["started"]
    return start_time(int(process["pid"])) != started
