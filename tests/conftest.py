"""Set-up that all tests share."""

from __future__ import annotations

import os

# Tests run side by side, one process per core: torch must not start a thread per core in each.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
