"""Runs one program, and ends it with everything that it started as soon as its driver is gone.

    python supervisor.py OUTPUT GRACE PROGRAM ARGUMENT...

The driver holds the other end of this process's stdin. When the driver closes it or dies in any
way, the program is ended: SIGTERM to its process group, SIGKILL after GRACE seconds. The program's
output goes to the file OUTPUT. The exit code is that of the program, or 128 + n if signal n ended
it. The script is started by its path and imports the standard library only, so it starts in 20 ms.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

NOT_STARTED = 127


def end_group(group: int, number: int) -> None:
    """Send a signal to a process group that may have ended already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left (macOS: 2nd)
        os.killpg(group, number)


def watch(process: subprocess.Popen[bytes], grace: float) -> None:
    """Wait until the driver closes stdin or dies, then end the program."""
    while os.read(0, 1):
        pass
    end_group(process.pid, signal.SIGTERM)
    time.sleep(grace)  # the main thread exits before, where the program does
    end_group(process.pid, signal.SIGKILL)


def main(arguments: list[str]) -> int:
    """Run the program; returns its exit code."""
    output, grace, *words = arguments
    with open(output, "wb") as log:
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            log.write(f"{words[0]}: {error.strerror}\n".encode())
            return NOT_STARTED
    threading.Thread(target=watch, args=(process, float(grace)), daemon=True).start()
    code = process.wait()
    end_group(process.pid, signal.SIGKILL)  # what it left running
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
