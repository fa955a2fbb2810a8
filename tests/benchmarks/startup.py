"""Start-up: `--help` and a plan of 100 billion parameters against `import torch`, interleaved.

python -m tests.benchmarks.startup [rounds]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PYTHON = [sys.executable, "-c"]
RECIPE = Path(__file__).parents[2] / "recipes" / "quickstart.yaml"


def timed(command: list[str]) -> tuple[float, float]:
    """Seconds, and peak memory in MB."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command} failed")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as folder:
        mutransfer = [sys.executable, "-m", "mutransfer_cli"]
        commands = {
            "import torch": [*PYTHON, "import torch"],
            "mutransfer --help": [*mutransfer, "--help"],
            "scale --width 65536": [
                *mutransfer, "scale", str(RECIPE), "--width", "65536", "--format", "json",
                "-o", str(Path(folder) / "plan.json"),
            ],
        }  # fmt: skip
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                found[name].append(timed(command))
    base = statistics.median(t for t, _ in found["import torch"])
    for name, values in found.items():
        seconds = statistics.median(t for t, _ in values)
        memory = max(m for _, m in values)
        print(f"{name:22} {seconds:6.2f} s  {seconds / base:5.2f} of the first  {memory:6.0f} MB")


if __name__ == "__main__":
    main()
