"""Threads of torch and of numpy's libraries, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import numpy, torch
from threadpoolctl import threadpool_info
from mutransfer_cli.train.machine.threads import limit_threads
for threads in (2, 1):
    limit_threads(threads)
    numpy.ones((64, 64)) @ numpy.ones((64, 64))
    print(torch.get_num_threads(), max(library["num_threads"] for library in threadpool_info()))
"""


def test_all_libraries_are_limited() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["2 2", "1 1"]
