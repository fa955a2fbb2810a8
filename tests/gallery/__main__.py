"""Makes the gallery anew: `python -m tests.gallery [NAME ...] [--workers N] [--pages]`."""

from __future__ import annotations

import argparse
import sys

from tests.gallery.entries import ENTRIES
from tests.gallery.page import write_pages
from tests.gallery.record import make


def main() -> int:
    """Run the named entries, or all, one after another; 1 if one of them failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.gallery", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="entries; default: all")
    parser.add_argument("--workers", type=int, default=1, help="worker processes of a sweep")
    parser.add_argument("--pages", action="store_true", help="only write the pages again")
    options = parser.parse_args()
    by_name = {entry.name: entry for entry in ENTRIES}
    unknown = [name for name in options.names if name not in by_name]
    if unknown:
        parser.error(f"{unknown[0]}: no such entry; there are {', '.join(by_name)}")
    failed = 0
    for name in [] if options.pages else options.names or by_name:
        for side in by_name[name].sides:
            print(f"{name}: {side.name}", flush=True)
            try:
                make(by_name[name], side, options.workers)
            except RuntimeError as error:
                print(error, file=sys.stderr, flush=True)
                failed = 1
        write_pages()
    write_pages()
    return failed


if __name__ == "__main__":
    sys.exit(main())
