"""mutransfer: tune a small model, configure the large one.

The public names load `mutransfer_cli.api`, and with it torch, when one of them is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mutransfer_cli.version import __version__ as __version__

if TYPE_CHECKING:
    from mutransfer_cli.api import CheckReport as CheckReport
    from mutransfer_cli.api import InputError as InputError
    from mutransfer_cli.api import Plan as Plan
    from mutransfer_cli.api import Subject as Subject
    from mutransfer_cli.api import check as check
    from mutransfer_cli.api import load_plan as load_plan
    from mutransfer_cli.api import plan as plan

__all__ = ["CheckReport", "InputError", "Plan", "Subject", "check", "load_plan", "plan"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'mutransfer_cli' has no attribute {name!r}")
    return getattr(import_module("mutransfer_cli.api"), name)
