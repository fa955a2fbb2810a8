"""`mutransfer_cli.plan`: sizes, rules and examples without a recipe."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from mutransfer_cli import Subject, plan
from mutransfer_cli.errors import InputError


def make(width: int) -> nn.Module:
    return nn.Sequential(nn.Embedding(256, width), nn.Linear(width, width), nn.Linear(width, 256))


def test_library_plan() -> None:
    planned = plan(
        make,
        base={"width": 16},
        target={"width": 64},
        optimizer={"name": "adamw", "lr": 0.01},
        readout="absorbed",
    )
    assert [t.role for t in planned.tensors if t.name.endswith("weight")] == [
        "input",
        "hidden",
        "readout",
    ]
    assert planned.tensor("1.weight").lr == pytest.approx(0.0025)
    model = make(64)
    planned.initialize(model)
    planned.install(model)
    (optimizer,) = planned.optimizers(model)
    model(torch.zeros(1, 2, dtype=torch.int64)).sum().backward()
    optimizer.step()
    with pytest.raises(InputError, match="unknown rule 'read'"):
        plan(make, base={"width": 16}, target={"width": 64}, optimizer={}, read=1)


@pytest.mark.parametrize(
    ("base", "target", "steps"),
    [
        # what the base does not say is 2 layers, 16 examples a step and 200 steps
        ({}, {}, (200, 200)),
        # 4 times the batch at the same number of examples: a quarter of the steps
        ({"steps": 400}, {"batch": 64}, (400, 100)),
        # 10,240 tokens are 160 examples of 64, or 10 batches of 16
        ({"tokens": 10_240}, {"tokens": 81_920}, (10, 80)),
    ],
)
def test_sizes(base: dict[str, int], target: dict[str, int], steps: tuple[int, int]) -> None:
    planned = plan(make, base={"width": 8, **base}, target={"width": 16, **target}, optimizer={})
    assert (planned.base["steps"], planned.target["steps"]) == steps
    assert (planned.base["depth"], planned.base["batch"]) == (2, 16)


@pytest.mark.parametrize(
    ("base", "target", "line"),
    [
        ({"depth": 2}, {"width": 16}, "base: expected width and any of depth, batch"),
        ({"width": 8, "wide": 2}, {"width": 16}, "base: expected width"),
        ({"width": 8}, {"width": 16, "steps": 5, "tokens": 640}, "target: expected width"),
        ({"width": 8}, {"width": 16, "batch": 0}, "target: every size is at least 1"),
        ({"width": 8}, {"width": 16, "depth": 4}, "target.depth: build takes no argument `depth`"),
    ],
)
def test_sizes_that_are_refused(base: dict[str, int], target: dict[str, int], line: str) -> None:
    with pytest.raises(InputError, match=line):
        plan(make, base=base, target=target, optimizer={})


def test_an_optimizer_key_that_does_not_exist() -> None:
    with pytest.raises(InputError, match="optimizer: unknown key 'rate'"):
        plan(make, base={"width": 8}, target={"width": 16}, optimizer={"rate": 1.0})


def test_inputs_that_random_bytes_cannot_stand_for() -> None:
    def floats(width: int) -> nn.Module:
        return nn.Sequential(nn.Linear(6, width), nn.Linear(width, 3))

    sizes: dict[str, Any] = {"base": {"width": 8}, "target": {"width": 16}, "optimizer": {}}
    with pytest.raises(InputError, match=r"pass a sample as batch=\(inputs, targets\)") as error:
        plan(floats, **sizes)
    assert "\n" not in str(error.value) and "RuntimeError: mat1 and mat2" in str(error.value)
    planned = plan(floats, **sizes, batch=(torch.ones(4, 6), torch.zeros(4, dtype=torch.int64)))
    assert [t.role for t in planned.tensors] == ["input", "vector", "readout", "scalar"]
    with pytest.raises(InputError, match=r"plan: loss: .*test_callable_plan.py:\d+: KeyError: 'x'"):
        plan(floats, **sizes, batch={}, loss=lambda model, batch: model(batch["x"]).sum())


def test_a_subject_s_own_batch_and_loss_are_used() -> None:
    seen: list[object] = []

    def loss(model: nn.Module, batch: torch.Tensor) -> torch.Tensor:
        seen.append(batch.shape)
        return model(batch).sum()

    def build(width: int) -> Subject:
        model = nn.Sequential(nn.Linear(6, width), nn.Linear(width, 3))
        return Subject(model, loss=loss, batch=lambda seed: torch.ones(4, 6))

    planned = plan(build, base={"width": 8}, target={"width": 16}, optimizer={})
    assert [t.role for t in planned.tensors] == ["input", "vector", "readout", "scalar"]
    assert set(seen) == {torch.Size((4, 6))}


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (5, "build is an int, expected a callable"),
        (lambda width: 3, r"build\(16\) returned an int, expected a torch.nn.Module"),
        (lambda width: None, r"build\(16\) returned None, expected a torch.nn.Module"),
        (lambda width: Subject({"model": 1}), r"build\(16\) returned a dict, expected"),  # type: ignore[arg-type]  # wrong on purpose
    ],
)
def test_a_build_that_makes_no_model(build: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        plan(build, base={"width": 16}, target={"width": 64}, optimizer={"name": "sgd", "lr": 1.0})


def raised(*_: object) -> Any:
    raise KeyError("gone")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"loss": lambda model, batch: 3}, "uses none of its parameters: the loss has to call"),
        ({"loss": raised}, r"plan: loss: .*test_callable_plan.py:\d+: KeyError: 'gone'"),
        ({"batch": raised}, r"the Subject's batch\(0\): .*: KeyError: 'gone'"),
        ({"batch": lambda seed: None}, r"the Subject's batch\(0\) returned no examples"),
    ],
)
def test_a_subject_whose_parts_do_not_work(changes: dict[str, Any], line: str) -> None:
    def build(width: int) -> Subject:
        parts = {
            "loss": lambda model, batch: model(batch).mean(),
            "batch": lambda seed: torch.zeros(2, 3, dtype=torch.int64),
        }
        return Subject(make(width), **{**parts, **changes})

    with pytest.raises(InputError, match=line) as caught:
        plan(build, base={"width": 16}, target={"width": 64}, optimizer={"lr": 0.01})
    assert "\n" not in str(caught.value)


def test_a_build_that_ends_python() -> None:
    def build(width: int) -> nn.Module:
        raise SystemExit(0)

    with pytest.raises(InputError, match=r"plan: build\(16\): .*sys.exit\(0\)"):
        plan(build, base={"width": 16}, target={"width": 64}, optimizer={"lr": 0.01})
