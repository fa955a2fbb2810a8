"""Stacks that are installed with the test requirements run in CI; `make stacks` runs all.

A new stack adds its row to registry.py and its adapter to adapters/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mutransfer_cli.catalog.stacks import STACKS
from tests.stacks import __main__ as command
from tests.stacks.adapters.torch_file import build_torch
from tests.stacks.built import Adapter, BuiltStack, Emitted
from tests.stacks.cases import CASES, StackCase
from tests.stacks.registry import STACK_ROWS
from tests.stacks.stack_run import try_case

CASE = {case.name: case for case in CASES}
INSTALLED = [
    (format, path, case)
    for row in STACK_ROWS
    if not row.requirements and not row.checkout
    for format, path in row.formats.items()
    for case in CASES
]


@pytest.mark.parametrize(
    ("format", "path", "case"), INSTALLED, ids=[f"{f}-{c.name}" for f, _, c in INSTALLED]
)
def test_an_installed_stack_does_what_the_plan_says(
    tmp_path: Path, format: str, path: str, case: StackCase
) -> None:
    for package in ("transformers", "lightning", "mup"):
        pytest.importorskip(package)
    module, _, name = path.partition(":")
    outcome = try_case(format, getattr(import_module(module), name), case, tmp_path)
    assert outcome.passed, outcome.detail


@pytest.mark.stacks
@pytest.mark.parametrize("name", [row.name for row in STACK_ROWS if row.requirements])
def test_a_downloaded_stack_does_what_the_plan_says(name: str) -> None:
    assert command.main(["--only", name]) == 0


def built(change: str) -> Adapter:
    """The format torch with one fault."""

    def adapter(emitted: Emitted) -> BuiltStack:
        stack = build_torch(emitted)
        group = stack.optimizers[0].param_groups[0]
        match change:
            case "lr" | "eps" | "weight_decay":
                group[change] *= 1.001
                group["initial_lr"] = group["lr"]
            case "init":
                with torch.no_grad():
                    stack.model.get_parameter("blocks.1.mlp.up.weight").mul_(1.2)
            case "multiplier":
                stack.model.logit_scale *= 1.001  # type: ignore[operator]  # a float
            case "schedule":
                train = stack.train

                def late(stack: BuiltStack, batches: list[Tensor]) -> object:
                    curve = train(stack, batches)
                    return replace(curve, shares=[0.0, *curve.shares[:-1]])

                stack.train = late  # type: ignore[assignment]  # the same signature
            case "missing":
                stack.pieces = stack.pieces[1:]
            case "clip":
                stack.clip = 1.0
        return stack

    return adapter


EXPECTED: Mapping[str, str] = {
    "lr": "lr of", "eps": "eps of", "weight_decay": "weight_decay of", "init": "init_std of",
    "multiplier": "losses differ", "schedule": "schedule: step 0", "missing": "missing of",
    "clip": "clip of",
}  # fmt: skip


@pytest.mark.parametrize("change", list(EXPECTED))
def test_a_fault_of_a_stack_is_found(tmp_path: Path, change: str) -> None:
    outcome = try_case("torch", built(change), CASE["gpt"], tmp_path)
    assert outcome.result == "different"
    assert EXPECTED[change] in outcome.detail


def test_an_adapter_that_fails_is_no_refusal(tmp_path: Path) -> None:
    def adapter(emitted: Emitted) -> BuiltStack:
        raise TypeError("unexpected key")

    outcome = try_case("torch", adapter, CASE["gpt"], tmp_path)
    assert (outcome.result, outcome.passed) == ("failed", False)
    assert "unexpected key" in outcome.detail
    refused = try_case("hf", adapter, CASE["gpt"], tmp_path / "2")
    assert refused.result == "refused"


def test_a_stack_that_was_not_run_fails_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = next(row for row in STACK_ROWS if row.checkout)
    monkeypatch.delenv(row.variable, raising=False)
    assert command.main(["--only", row.name]) == 1
    assert f"set {row.variable} to a checkout" in capsys.readouterr().out
    assert command.main(["--only", row.name, "--without", row.name]) == 0
    with pytest.raises(SystemExit, match="no such stack"):
        command.main(["--without", "no-such-stack"])


def test_every_format_has_a_stack() -> None:
    formats = {format for row in STACK_ROWS for format in row.formats}
    assert formats >= {row.name for row in STACKS}
