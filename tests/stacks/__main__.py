"""`python -m tests.stacks [--only NAME]… [--without NAME]… [--case NAME]…`: `make stacks`.

`--release lightning=2.5.6` tries another release of a stack.

Exit code 1 if a stack does something that its file does not declare, or if one was not run and
`--without` does not name it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.stacks.environments import ROOT, NotAvailable, environment_of
from tests.stacks.registry import StackRow, rows
from tests.stacks.stack_run import Outcome

TIME_LIMIT = 1800  # seconds for one stack


def outcomes_of(row: StackRow, cases: list[str]) -> list[Outcome]:
    """Run one stack in its environment.

    Raises:
        NotAvailable: It cannot be run here.
    """
    environment = environment_of(row)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "outcomes"
        log = ROOT / ".stacks" / f"{row.folder or row.name}.log"
        log.parent.mkdir(exist_ok=True)
        command = [str(environment.python), "-m", "tests.stacks.stack_run", row.name, str(output)]
        with log.open("w") as stream:
            done = subprocess.run(
                [*command, ",".join(cases)], cwd=ROOT, env=environment.variables(),
                stdout=stream, stderr=subprocess.STDOUT, timeout=TIME_LIMIT,
            )  # fmt: skip
        if done.returncode or not output.is_file():
            last = (log.read_text().strip().splitlines() or ["no output"])[-1]
            raise NotAvailable(f"{last} (see {log.relative_to(ROOT)})")
        found = [Outcome(**json.loads(line)) for line in output.read_text().splitlines()]
    for outcome in found:
        outcome.version = outcome.version or str(environment.checkout or "")
    return found


def show(outcome: Outcome) -> None:
    """Print one row of the table."""
    loss = outcome.loss_difference
    shown = "" if loss is None else f"{loss:.1e}"
    detail = outcome.detail or ", ".join(dict.fromkeys(d.split(" of ")[0] for d in
                                                       outcome.deviations))  # fmt: skip
    result = outcome.result if outcome.passed else outcome.result.upper()
    print(f"| {outcome.format} | {outcome.case} | {result} | {shown} | {detail} |", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the stacks and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.stacks", description=__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", help="stack or format to run")
    parser.add_argument("--without", action="append", default=[], metavar="NAME",
                        help="stack that need not run")  # fmt: skip
    parser.add_argument("--case", action="append", default=[], metavar="NAME")
    parser.add_argument("--release", action="append", default=[], metavar="NAME=VERSION",
                        help="release to try instead of the pinned one")  # fmt: skip
    options = parser.parse_args(arguments)
    rows(options.without)
    releases = dict(text.split("=", 1) for text in options.release)
    rows(list(releases))
    failed, not_run, versions = 0, [], {}
    print("| format | recipe | result | losses differ by | detail |")
    print("| --- | --- | --- | --- | --- |")
    for row in rows(options.only):
        if row.name in options.without:
            print(f"| {', '.join(row.formats)} | | not run | | --without {row.name} |")
            continue
        row = row.at(releases[row.name]) if row.name in releases else row
        try:
            found = outcomes_of(row, options.case)
        except (NotAvailable, subprocess.TimeoutExpired) as error:
            not_run.append(row.name)
            print(f"| {', '.join(row.formats)} | | NOT RUN | | {error} |", flush=True)
            continue
        for outcome in found:
            show(outcome)
            failed += not outcome.passed
            versions[row.name] = outcome.version
    print("\nversions: " + ", ".join(f"{name} {version}" for name, version in versions.items()))
    if not_run:
        print(f"not run: {', '.join(not_run)}; --without NAME accepts that")
    print(f"{failed} failed" if failed else "no undeclared difference")
    return int(bool(failed or not_run))


if __name__ == "__main__":
    sys.exit(main())
