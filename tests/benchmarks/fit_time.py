"""How long `fit` takes on large tables, relative to `import torch`.

python -m tests.benchmarks.fit_time [TRUTHS]

CPU seconds of the command as a process of its own, with its start and all imports: on 1,024 runs
over two hyperparameters on four rungs for so many synthetic truths, and on two large tables of one
hyperparameter: quasi-random rates, and a grid with 300 seeds. Interleaved with `import torch`.
"""

from __future__ import annotations

import csv
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from mutransfer_cli.surface.response.runs import Runs
from tests.benchmarks.given_words import given_words
from tests.benchmarks.synthetic_truths import Truth, grid, sobol

NAMES = ("lr", "weight_decay")
SHIFT = 8.0  # octaves between the units of a truth and a learning rate's
FIRST = 7000


def cpu_seconds(*command: str) -> float:
    """CPU seconds of a Python process.

    Args:
        command: Its arguments.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *command], check=False, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def write_table(runs: Runs, path: Path) -> None:
    """Write runs as a table; a run that diverged has the loss `inf`."""
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["width", "seed", *NAMES[: runs.hyperparameters], "loss"])
        columns = runs.settings, runs.sizes, runs.seeds, runs.losses
        for setting, size, seed, loss in zip(*columns, strict=True):
            value = "inf" if np.isnan(loss) else float(np.exp(loss))
            table.writerow([round(2.0 ** size[0]), seed, *(2.0 ** (setting - SHIFT)), value])


def main() -> None:
    given = given_words(__doc__)
    truths = int(given[0]) if given else 10
    tables = {
        "1,024 runs, two hyperparameters": [
            sobol(Truth(FIRST + i, 2), points=256) for i in range(truths)
        ],
        "32,768 rows, quasi-random": [sobol(Truth(FIRST, 1), points=8192)],
        "30,000 rows, a grid with 300 seeds": [
            grid(Truth(FIRST, 1), step=0.25, seeds=300, half=12)
        ],
    }
    print(f"{'CPU seconds':36} runs   import torch   fit: median, largest   ratio: median, largest")
    for name, all_runs in tables.items():
        torch, fit = [], []
        for runs in all_runs:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "runs.csv"
                write_table(runs, path)
                torch.append(cpu_seconds("-c", "import torch"))
                fit.append(cpu_seconds("-m", "mutransfer_cli", "fit", str(path)))
        ratio = np.divide(fit, torch)
        print(
            f"{name:36} {len(runs.losses):6d} {np.median(torch):10.2f} {np.median(fit):14.2f} "
            f"{max(fit):9.2f} {np.median(ratio):14.2f} {ratio.max():9.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
