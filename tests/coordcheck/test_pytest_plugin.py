"""The fixture `mup_check` passes a right callable and fails a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]


def test_fixture(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    pytester.makepyfile(
        """
        from tests.helpers.check_subjects import subject

        def test_right(mup_check):
            assert mup_check(subject(), widths=[64, 128, 256]).passed

        def test_wrong(mup_check):
            mup_check(subject(lr=lambda n, m: m if n == "second.weight" else 1), [64, 128, 256])
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["*fail: `second.weight`: its update grows like m^*: its learning rate is 4 times too *"]
    )
