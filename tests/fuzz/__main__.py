"""`python -m tests.fuzz [READER,…|all] [COUNT] [SEED]`: exit code 1 if any file is not refused."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.fuzz.campaign import campaign, prepare_process
from tests.fuzz.readers import readers

COUNT = 5000  # files for each reader
FAULTS = Path("runs/fuzz")


def main(names: str = "all", count: str = str(COUNT), seed: str = "1") -> int:
    """Run the campaigns and print a table."""
    prepare_process()
    chosen = [r for r in readers() if names == "all" or r.name in names.split(",")]
    total = faults = 0
    print("| reader | files | read | refused | faults | lines run | seconds | slowest |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for reader in chosen:
        started = time.monotonic()
        outcome = campaign(reader, int(count), int(seed))
        run, lines = outcome.lines
        counts = outcome.counts
        total, faults = total + sum(counts.values()), faults + counts["fault"]
        print(
            f"| {reader.name} | {sum(counts.values())} | {counts['read']} | {counts['refused']} | "
            f"{counts['fault']} | {run}/{lines} ({run / max(1, lines):.0%}) | "
            f"{time.monotonic() - started:.0f} | {outcome.slowest:.2f} |",
            flush=True,
        )
        for i, (where, (content, trace)) in enumerate(outcome.faults.items()):
            FAULTS.mkdir(parents=True, exist_ok=True)
            (FAULTS / f"{reader.name}-{i}.input").write_bytes(content)
            (FAULTS / f"{reader.name}-{i}.txt").write_text(
                f"{where}\n{trace}", encoding="utf-8", errors="backslashreplace"
            )
    print(f"\n{total} files, {faults} not refused in one line")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
