"""What storage costs a trial, in milliseconds: `python -m tests.benchmarks.storage [TRIALS]`.

A trial's claim and its end with a loss curve of 512 points; the run's own database needs no claim.
Of each kind of storage the median over the trials.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.storage.location import own_location, parse_location
from mutransfer_cli.search.storage.shared_queue import SharedTrialQueue
from mutransfer_cli.search.storage.study import Study
from mutransfer_cli.search.storage.trial_queue import TrialQueue
from tests.benchmarks.given_words import given_words
from tests.helpers.postgres import postgres
from tests.helpers.sweeps import RECIPE

SIZE = Size(8, 1, 4, 12)
RANGES = {"lr": (1e-9, 1.0, True)}
CURVE = tuple((i, 1.0 / (i + 1)) for i in range(512))


def milliseconds(ledger: TrialQueue, trials: int) -> float:
    """Median of claiming and storing one trial."""
    took = []
    with ledger:
        for seed in range(trials):
            job = Job(SIZE, seed, (("lr", 0.1),))
            started = time.perf_counter()
            assert ledger.claim([job]) == [job]
            ledger.store(Record(job.params, 8, 1, 4, 12, seed, "finished", 1.0, curve=CURVE))
            took.append(1000 * (time.perf_counter() - started))
    return median(took)


def main() -> None:
    given = given_words(__doc__)
    trials = int(given[0]) if given else 60
    recipe = loads(RECIPE.replace("STEPS", "12"), "r.yaml").recipe
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(postgres())
        locations = {
            "SQLite of the run": own_location(folder),
            "journal": parse_location("journal:study.log", folder),
            "sqlite:///, shared": parse_location("sqlite:///shared.db", folder),
        }
        if server is not None:
            locations["PostgreSQL, same machine"] = parse_location(server.url, folder)
        for name, location in locations.items():
            study = Study.open(location, recipe, create=True)
            ledger = (
                SharedTrialQueue(study, RANGES, {SIZE: 1.0})
                if location.shared
                else TrialQueue(study, RANGES)
            )
            print(f"{name}: {milliseconds(ledger, trials):.1f} ms a trial", flush=True)


if __name__ == "__main__":
    main()
