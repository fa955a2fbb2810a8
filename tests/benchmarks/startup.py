"""Start-up: `--help` and plans of 100 billion parameters against `import torch`, interleaved.

Of a GPT of 2 blocks, and of one of 80 blocks whose base has 80 blocks too. In CPU seconds.

python -m tests.benchmarks.startup [rounds]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.given_words import given_words

PYTHON = [sys.executable, "-c"]
BASE = "depth: 2,"
Measured = dict[str, list[tuple[float, float]]]  # CPU seconds and peak MB of each round
RECIPE = Path(__file__).parents[2] / "recipes" / "quickstart.yaml"


def timed(command: list[str]) -> tuple[float, float]:
    """CPU seconds, and peak memory in MB."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command} failed")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def interleaved(
    commands: dict[str, list[str]], rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """CPU seconds and peak memory of each command in each round."""
    found: Measured = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            found[name].append(timed(command))
    return found


def print_relative(found: Measured) -> None:
    """Print medians, relative to those of the first command, and the highest peaks."""
    base = statistics.median(t for t, _ in next(iter(found.values())))
    for name, values in found.items():
        seconds = statistics.median(t for t, _ in values)
        memory = max(m for _, m in values)
        print(f"{name:22} {seconds:6.2f} s  {seconds / base:5.2f} of the first  {memory:6.0f} MB")


def main() -> None:
    given = given_words(__doc__)
    rounds = int(given[0]) if given else 7
    with tempfile.TemporaryDirectory() as folder:
        deep = Path(folder) / "deep.yaml"
        shallow = RECIPE.read_text(encoding="utf-8")
        assert BASE in shallow
        deep.write_text(shallow.replace(BASE, BASE.replace("2", "80", 1)), encoding="utf-8")
        output = ["--format", "json", "-o", str(Path(folder) / "plan.json")]
        mutransfer = [sys.executable, "-m", "mutransfer_cli"]
        commands = {
            "import torch": [*PYTHON, "import torch"],
            "mutransfer --help": [*mutransfer, "--help"],
            "scale --width 65536": [
                *mutransfer, "scale", str(RECIPE), "--width", "65536", *output,
            ],
            "scale --depth 80": [
                *mutransfer, "scale", str(deep), "--width", "10240", "--depth", "80", *output,
            ],
        }  # fmt: skip
        print_relative(interleaved(commands, rounds))


if __name__ == "__main__":
    main()
