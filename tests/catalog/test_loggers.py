from __future__ import annotations

import importlib.util

import pytest

from mutransfer_cli.catalog import loggers
from mutransfer_cli.catalog.loggers import LOGGERS, LoggerEntry, require_loggers
from mutransfer_cli.errors import InputError
from tests.helpers.commands import run
from tests.helpers.registries import add

FREE = LoggerEntry(name="free", summary="needs nothing", implementation="json:dumps")


def test_a_tracker_without_a_package_is_had(monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, LOGGERS, FREE)
    assert require_loggers(["free", "free"]) == (FREE,)


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_a_missing_package_is_one_line_with_what_to_install(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loggers, "find_spec", lambda package: None)
    assert run("sweep", "no-such-recipe.yaml", "--log", name) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"mutransfer: error: --log {name}: needs the package {name}, which is not installed; "
        f"pip install 'mutransfer[{name}]'"
    )


def test_the_package_of_every_row_is_in_its_extra() -> None:
    for row in LOGGERS:
        assert row.package == row.name and row.install == f"mutransfer[{row.name}]"
    assert importlib.util.find_spec("json") is not None  # the control: it finds what is there


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(InputError, match=r"--log: expected .* did you mean 'wandb'"):
        require_loggers(["wandbb"])
