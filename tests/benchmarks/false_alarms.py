"""The check on correct models of many kinds: how often it fails, or cannot say.

python -m tests.benchmarks.false_alarms [runs of each kind]
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import torch
from scipy import stats

from mutransfer_cli import check
from mutransfer_cli.coordcheck.entry import check_target
from mutransfer_cli.coordcheck.report.result import CheckReport
from tests.benchmarks.given_words import given_words
from tests.helpers.check_models import CALLABLES, RECIPES


def one(kind: str, seed: int, folder: Path) -> CheckReport:
    """seed: the first of the check's own seeds; runs share none."""
    if kind in CALLABLES:
        return check(CALLABLES[kind], (64, 128, 256), seed=seed)
    path = folder / "r.yaml"
    path.write_text("name: kind\n" + RECIPES[kind])
    return check_target(str(path), seed=seed)


def alarms(runs: int) -> Counter[str]:
    """Verdicts over so many runs of each kind; prints a line a kind, and the bounds."""
    whole: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        for kind in [*RECIPES, *CALLABLES]:
            started = time.perf_counter()
            verdicts: Counter[str] = Counter()
            flagged: Counter[str] = Counter()
            for k in range(runs):
                report = one(kind, 100 * k, Path(name))
                verdicts[report.verdict] += 1
                bad = [t for t in report.tensors if t.verdict in {"fail", "inconclusive"}]
                flagged.update(f"{t.name} {t.finding}" for t in bad)
                if report.verdict != "pass" and not bad:
                    flagged[report.document.reason] += 1
            whole += verdicts
            seconds = (time.perf_counter() - started) / runs
            said = "; ".join(f"{n} ({c})" for n, c in flagged.most_common(2))
            print(f"{kind:32} {dict(verdicts)} {seconds:5.1f} s  {said}", flush=True)
    print_bounds(whole)
    return whole


def print_bounds(verdicts: Counter[str]) -> None:
    """Print the verdicts that a right model must not have, with Clopper and Pearson's bounds."""
    total = sum(verdicts.values())
    for verdict in ("fail", "inconclusive"):
        # one-sided 95 %
        upper = float(stats.beta.ppf(0.95, verdicts[verdict] + 1, total - verdicts[verdict]))
        print(f"{verdict}: {verdicts[verdict]} of {total}, at most {100 * upper:.2f} % (95 %)")


def main() -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    given = given_words(__doc__)
    alarms(int(given[0]) if given else 5)


if __name__ == "__main__":
    main()
