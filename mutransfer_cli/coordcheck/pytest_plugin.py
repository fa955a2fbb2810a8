"""The pytest fixture `mup_check`, available wherever mutransfer is installed.

def test_parameterization(mup_check):
    mup_check(build, widths=[64, 128, 256])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mutransfer_cli.coordcheck.report.result import CheckReport


@pytest.fixture
def mup_check() -> Callable[..., CheckReport]:
    """Check a callable as `mutransfer_cli.check` does; the test fails with its findings."""

    def run(build: Any, widths: Any = None, **options: Any) -> CheckReport:
        # imports torch, so only where the fixture is used
        from mutransfer_cli.coordcheck.user_callable import check

        __tracebackhide__ = True
        report = check(build, widths, **options)
        if not report.passed:
            pytest.fail("\n".join(report.sentences), pytrace=False)
        return report

    return run
