"""mutransfer: tune a small model, configure the large one.

The public names load their rooms, and torch, when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mutransfer_cli.version import __version__ as __version__

if TYPE_CHECKING:
    from mutransfer_cli.check.callable import check as check
    from mutransfer_cli.check.report import CheckReport as CheckReport
    from mutransfer_cli.errors import InputError as InputError
    from mutransfer_cli.models.library import plan as plan
    from mutransfer_cli.models.subject import Subject as Subject
    from mutransfer_cli.rules.document import load_plan as load_plan
    from mutransfer_cli.rules.plan import Plan as Plan

HOMES = {
    "CheckReport": "check.report",
    "check": "check.target",
    "InputError": "errors",
    "plan": "models.library",
    "Subject": "models.subject",
    "load_plan": "rules.document",
    "Plan": "rules.plan",
}
__all__ = ["CheckReport", "InputError", "Plan", "Subject", "check", "load_plan", "plan"]


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module 'mutransfer_cli' has no attribute {name!r}")
    return getattr(import_module(f"mutransfer_cli.{HOMES[name]}"), name)
