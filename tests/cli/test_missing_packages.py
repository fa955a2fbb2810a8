"""A package that is needed and not installed is named in one line, with what to install."""

from __future__ import annotations

import pytest

from mutransfer_cli.cli.main import report_missing_package


@pytest.mark.parametrize(
    ("module", "package"),
    [("torch", "torch"), ("yaml", "PyYAML"), ("scipy.optimize", "scipy")],
)
def test_a_dependency_is_named(
    module: str, package: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        report_missing_package(ModuleNotFoundError(name=module))
    assert stopped.value.code == 2
    assert capsys.readouterr().err == (
        f"mutransfer: error: {package} is not installed, and mutransfer needs it: "
        f"pip install {package}\n"
    )


def test_any_other_module_is_left_to_the_report_of_internal_errors(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report_missing_package(ModuleNotFoundError(name="mutransfer_cli.nowhere"))
    report_missing_package(ModuleNotFoundError("no name"))
    assert capsys.readouterr().err == ""
