"""Which executor runs a recipe."""

from __future__ import annotations

import pytest

from mutransfer_cli.catalog.executors import (
    DEFAULT_EXECUTOR,
    EXECUTORS,
    ExecutorEntry,
    executor_for,
    require_executor,
)
from mutransfer_cli.errors import InputError
from tests.helpers.registries import add, remove

TOY = ExecutorEntry(name="toy", summary="", implementation="toy:Toy")


def test_a_recipe_with_a_command_has_an_executor_of_its_own() -> None:
    assert executor_for(DEFAULT_EXECUTOR, has_command=False).name == DEFAULT_EXECUTOR
    assert executor_for(DEFAULT_EXECUTOR, has_command=True).runs_command
    assert executor_for("command", has_command=True).runs_command
    with pytest.raises(InputError, match=r"--executor command: the recipe has no train\.command"):
        executor_for("command", has_command=False)


def test_an_executor_that_cannot_run_commands_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, EXECUTORS, TOY)
    assert executor_for("toy", has_command=False) == TOY
    with pytest.raises(InputError, match=r"--executor toy: train\.command starts programs itself"):
        executor_for("toy", has_command=True)


def test_only_a_cluster_takes_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    assert require_executor("ray", "ray://head:10001").name == "ray"
    with pytest.raises(InputError, match="--ray-address: needs --executor ray"):
        require_executor(DEFAULT_EXECUTOR, "ray://head:10001")
    remove(monkeypatch, EXECUTORS, "ray")
    with pytest.raises(InputError, match=r"--executor: expected local \| command, found 'ray'"):
        require_executor("ray")
