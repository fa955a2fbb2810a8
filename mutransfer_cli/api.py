"""The library: the public names, each from the room that makes it."""

from mutransfer_cli.coordcheck.report.result import CheckReport
from mutransfer_cli.coordcheck.user_callable import check
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.callable_plan import plan
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.plans.loading import load_plan
from mutransfer_cli.plans.plan import Plan

__all__ = ["CheckReport", "InputError", "Plan", "Subject", "check", "load_plan", "plan"]
