"""A program that was started, with its supervisor."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from mutransfer_cli.search.job import Job
from mutransfer_cli.train.command.program_trial import ProgramTrial


@dataclass(slots=True)
class RunningProgram:
    """A program that was started, with its supervisor.

    Attributes:
        job: The trial.
        call: The program's command line, folder and loss file.
        supervisor: Ends the program when this process dies.
        started: Clock when it was started.
        stamp: Version of its loss file before it was started.
        is_overdue: Whether it was ended because it exceeded `search.timeout`.
    """

    job: Job
    call: ProgramTrial
    supervisor: subprocess.Popen[bytes]
    started: float
    stamp: tuple[int, ...] | None
    is_overdue: bool = False

    @property
    def descriptor(self) -> int:
        """A file descriptor that becomes readable when the supervisor ends."""
        assert self.supervisor.stdout is not None
        return self.supervisor.stdout.fileno()

    def release(self) -> None:
        """Make the supervisor end the program, and then itself."""
        assert self.supervisor.stdin is not None
        self.supervisor.stdin.close()

    def wait(self) -> int:
        """Wait for the supervisor to end; returns the exit status."""
        code = self.supervisor.wait()
        self.release()
        assert self.supervisor.stdout is not None
        self.supervisor.stdout.close()
        return code
