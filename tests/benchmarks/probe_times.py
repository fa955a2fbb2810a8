"""How long each probe takes at its default size, and what it answers.

python -m tests.benchmarks.probe_times TARGET...

A target is a recipe or a run directory. Each probe that takes it runs as a process of its own with
one thread, one after the other; `linear`, which brings its own model, runs once. The clock is the
CPU time of the process, also that by which a probe keeps within its minutes: on a busy machine the
figures are those of one free core. Printed are these seconds, start and imports included, and the
verdict.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

from mutransfer_cli.catalog.probes import PROBES
from tests.benchmarks.given_words import given_words

LIMIT = 180.0  # seconds that a probe may take at its default size
COMMAND = """
import time
time.perf_counter = time.process_time
from mutransfer_cli.cli.main import main
main()
"""


def measured(probe: str, target: str | None) -> tuple[float, str]:
    """CPU seconds, and the verdict or the reason why the probe was refused.

    Args:
        probe: Name of the probe.
        target: A recipe or a run; None for a probe that brings its own model.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = (sys.executable, "-c", COMMAND, "probe", probe, *([target] if target else []))
    done = subprocess.run(
        (*command, "--json"),
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    if not done.stdout.startswith("{"):
        return seconds, done.stderr.strip().splitlines()[-1]
    document = json.loads(done.stdout)
    return seconds, f"{document['verdict']}: {document['reason']}"


def main() -> None:
    """Print a line for every probe and target."""
    targets = given_words(__doc__)
    for target in targets:
        kind = "run" if Path(target).is_dir() else "recipe"
        for entry in PROBES:
            own = bool(entry.takes)
            if kind not in entry.takes and (own or target != targets[0]):
                continue
            seconds, answer = measured(entry.name, target if own else None)
            over = " OVER" if seconds > LIMIT else ""
            print(
                f"{entry.name:12s} {target if own else '-':32s} {seconds:6.1f} s{over} {answer}",
                flush=True,
            )


if __name__ == "__main__":
    main()
