"""Measure, verdict, diagnosis. The room can be called: `from mutransfer_cli import check`."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class CallableRoom(ModuleType):
    """Makes `mutransfer_cli.check` both this package and the library's function of that name."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        from mutransfer_cli.check.callable import check

        return check(*args, **options)


sys.modules[__name__].__class__ = CallableRoom
