"""How well `probe collapse --predict` predicts: error against seeds, and coverage.

`python -m tests.benchmarks.final_losses FRACTION RUN...`: in each run directory, at each learning
rate, the runs of every size with two smaller sizes or more are predicted from their first part and
the runs of the smaller sizes; and by themselves.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np

from mutransfer_cli.probes.curves.run_curves import settings_of_run
from mutransfer_cli.search.storage.run import Run
from mutransfer_cli.surface.loss_curves.final_loss import predict_final_loss
from tests.benchmarks.given_words import given_words

CONFIDENCE = 0.9
Row = tuple[float, float, bool]  # error and seeds' standard deviation, relative; inside


def measured(path: Path, fraction: float, with_references: bool) -> list[Row]:
    """The predictions of one run directory."""
    rows: list[Row] = []
    for setting in settings_of_run(Run.open(path)):
        sizes = sorted({c.size for c in setting.curves if c.size is not None})
        for size in sizes[2:]:
            own = [c for c in setting.curves if c.size == size]
            if len(own) < 3:
                continue
            smaller = [c for c in setting.curves if c.size is not None and c.size < size]
            scatter = float(np.std([c.final for c in own], ddof=1))
            for curve in own:
                known = smaller if with_references else ()
                found = predict_final_loss(curve, fraction, known, CONFIDENCE)
                assert found.low is not None and found.high is not None
                error = abs(found.value - curve.final)
                rows.append((error, scatter, found.low <= curve.final <= found.high))
    return rows


def main() -> None:
    """Print a line for every run directory and one for all."""
    given = given_words(__doc__)
    fraction = float(given[0])
    for with_references in (True, False):
        table: dict[str, list[Row]] = defaultdict(list)
        for name in given[1:]:
            table[Path(name).name] = measured(Path(name), fraction, with_references)
        table["all"] = [row for rows in table.values() for row in rows]
        print("with completed smaller runs" if with_references else "from its own curve")
        for name, rows in table.items():
            if not rows:
                continue
            error, scatter, inside = (np.array(column) for column in zip(*rows, strict=True))
            print(
                f"  {name:12s} {len(rows):4d} runs: median error {np.median(error / scatter):.2f} "
                f"of the seeds' standard deviation, {CONFIDENCE:.0%} intervals cover "
                f"{inside.mean():.0%}"
            )


if __name__ == "__main__":
    main()
