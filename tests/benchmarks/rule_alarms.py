"""Disputed rules and further axes: false alarms of right models, and errors that are found.

python -m tests.benchmarks.rule_alarms [runs of each kind] [number of the first run] [KIND...]
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections import Counter
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import torch

from mutransfer_cli.catalog.axes import AXES
from mutransfer_cli.coordcheck.axis_check import axis_request
from mutransfer_cli.coordcheck.entry import check_target
from mutransfer_cli.coordcheck.recipe_check import width_request
from mutransfer_cli.coordcheck.report.result import CheckReport
from mutransfer_cli.coordcheck.width_check import run_width_check
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.recipe.load import loads
from tests.benchmarks.false_alarms import print_bounds
from tests.benchmarks.given_words import given_words
from tests.helpers.changed_rates import multiply_learning_rates
from tests.helpers.rule_models import RULES, RuleModel

WIDTHS = (64, 128, 256)


def right(kind: RuleModel, seed: int, folder: Path) -> CheckReport:
    """seed: the first of the check's own seeds; runs share none."""
    path = folder / "r.yaml"
    path.write_text("name: kind\n" + kind.text)
    return check_target(str(path), axis=kind.axis, seed=seed)


def wrong(kind: RuleModel, seed: int) -> tuple[CheckReport, set[str]]:
    """The check of the model with its error, and the tensors that have it."""
    assert kind.error is not None
    pattern, power = kind.error
    recipe = loads("name: kind\n" + kind.text).recipe
    request = (
        width_request(recipe, WIDTHS, None, seed=seed)
        if kind.axis == "width"
        else axis_request(recipe, AXES[kind.axis], None, None, seed=seed)
    )
    names = {name for name in request.expected if fnmatchcase(name, pattern)}

    def build(size: int, seed: int) -> Subject:
        subject = request.build(size, seed)
        assert subject.optimizer is not None
        ratio = size / request.widths[0]
        factors = dict.fromkeys(names, ratio**power)
        multiply_learning_rates(subject.model, subject.optimizer, factors)
        return subject

    return run_width_check(replace(request, build=build)), names


def main() -> None:
    """Print a line a kind, and the bounds."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    given = given_words(__doc__)
    runs = int(given.pop(0)) if given else 8
    first = int(given.pop(0)) if given and given[0].isdigit() else 0
    verdicts: Counter[str] = Counter()
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for name in given or RULES:
            kind, started = RULES[name], time.process_time()
            reports = [right(kind, 100 * k, Path(folder)) for k in range(first, first + runs)]
            verdicts.update(report.verdict for report in reports)
            line = f"{name:32} {dict(Counter(report.verdict for report in reports))}"
            flagged = Counter(
                f"{t.name} {t.finding}"
                for report in reports
                for t in report.tensors
                if t.verdict in {"fail", "inconclusive"}
            )
            if kind.error is not None:
                for k in range(first, first + max(1, runs // 2)):
                    report, names = wrong(kind, 100 * k + 50)
                    bad = {t.name for t in report.tensors if t.verdict == "fail"}
                    found["errors"] += 1
                    found["found"] += report.verdict == "fail"
                    found["named"] += bool(bad) and bad <= names
                    if not (bad and bad <= names):
                        flagged[f"with the error: {report.verdict} {sorted(bad)}"] += 1
            seconds = (time.process_time() - started) / runs
            said = "; ".join(f"{n} ({c})" for n, c in flagged.most_common(3))
            print(f"{line} {seconds:5.1f} s  {said}", flush=True)
    print_bounds(verdicts)
    print(f"errors: {found['errors']}, found {found['found']}, named {found['named']}")


if __name__ == "__main__":
    main()
