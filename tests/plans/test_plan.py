"""A plan in a training script of one's own: schedules, accumulation, averages, compiled, DDP."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.multiprocessing as mp
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer
from torch.optim import lr_scheduler as schedules
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mutransfer_cli import InputError, Plan, load_plan
from mutransfer_cli.plans.lr_ratio_guard import remove_guard
from tests.plans.test_apply import CLASSES, INPUTS, WIDTH, Net, free_port, made

STEPS = 6


def data(step: int) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(step)
    return torch.randn(8, INPUTS, generator=g), torch.randint(0, CLASSES, (8,), generator=g)


def loss_of(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


def prepared(plan: Plan, wrap: Callable[[nn.Module], nn.Module] = lambda m: m) -> Any:
    torch.manual_seed(0)
    model = wrap(Net(WIDTH))
    plan.initialize(model, 0)
    plan.install(model)
    (optimizer,) = plan.optimizers(model)
    return model, optimizer


def trained(model: nn.Module, optimizer: Optimizer, schedule: Any = None) -> list[float]:
    losses = []
    for step in range(STEPS):
        loss = loss_of(model, data(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if schedule is not None:
            schedule.step()
        losses.append(loss.item())
    return losses


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Through a file, as a script gets it."""
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    made().save(path)
    return load_plan(path)


RELATIVE: dict[str, Callable[[Optimizer], Any]] = {
    "LambdaLR": lambda o: schedules.LambdaLR(o, lambda s: max(0.0, 1 - s / 4)),
    "CosineAnnealingLR": lambda o: schedules.CosineAnnealingLR(o, STEPS - 2),
    "StepLR": lambda o: schedules.StepLR(o, 2, gamma=0.1),
    "ReduceLROnPlateau": lambda o: Plateau(o),
    "warmup": lambda o: schedules.SequentialLR(
        o,
        [schedules.LinearLR(o, 0.01, total_iters=2), schedules.CosineAnnealingLR(o, 2)],
        milestones=[2],
    ),
}
ABSOLUTE: dict[str, Callable[[Optimizer], Any]] = {
    "OneCycleLR": lambda o: schedules.OneCycleLR(o, max_lr=0.01, total_steps=STEPS + 1),
    "CosineAnnealingLR": lambda o: schedules.CosineAnnealingLR(o, STEPS, eta_min=1e-4),
    "CyclicLR": lambda o: schedules.CyclicLR(o, 1e-4, 1e-2, cycle_momentum=False),
}


class Plateau(schedules.ReduceLROnPlateau):
    """Called without a metric: every step is a plateau."""

    def __init__(self, optimizer: Optimizer) -> None:
        super().__init__(optimizer, patience=0)

    def step(self, *_: Any) -> None:  # type: ignore[override]
        super().step(1.0)


@pytest.mark.parametrize("name", RELATIVE)
def test_relative_schedules(plan: Plan, name: str) -> None:
    model, optimizer = prepared(plan)
    schedule = RELATIVE[name](optimizer)
    trained(model, optimizer, schedule)
    plan.verify(model, optimizer)
    rates = {g["lr"] for g in optimizer.param_groups}
    assert rates == {0.0} or max(rates) / min(rates) == pytest.approx(4)  # WIDTH / BASE


@pytest.mark.parametrize("name", ABSOLUTE)
def test_schedules_that_set_rates_are_an_error(plan: Plan, name: str) -> None:
    model, optimizer = prepared(plan)
    schedule = ABSOLUTE[name](optimizer)
    with pytest.raises(InputError, match=rf"^plan: .*hidden\.weight.*: {name} sets rates") as told:
        trained(model, optimizer, schedule)
    assert "\n" not in str(told.value) and "LambdaLR" in str(told.value)


def test_rates_set_by_hand_are_an_error(plan: Plan) -> None:
    """As nanoGPT's loop does it; multiplied by hand they are none."""
    model, optimizer = prepared(plan)
    peaks = [g["lr"] for g in optimizer.param_groups]
    for group, peak in zip(optimizer.param_groups, peaks, strict=True):
        group["lr"] = 0.3 * peak
    trained(model, optimizer)
    for group in optimizer.param_groups:
        group["lr"] = 0.001
    with pytest.raises(InputError, match="something set them"):
        trained(model, optimizer)
    remove_guard(optimizer)
    trained(model, optimizer)


def test_verify_one_s_own_optimizer(plan: Plan) -> None:
    model, _ = prepared(plan)
    own = AdamW(plan.param_groups(model))
    plan.verify(model, own)
    own.param_groups[0]["lr"] *= 1.001
    with pytest.raises(InputError, match="has the rate"):
        plan.verify(model, own)
    few = AdamW(plan.param_groups(model)[:1])
    with pytest.raises(InputError, match="is in no group of the optimizer"):
        plan.verify(model, few)
    plan.verify(model, few, AdamW(plan.param_groups(model)[1:]))
    model.hidden.weight.requires_grad_(False)
    plan.verify(model, AdamW(plan.param_groups(model)))


def test_going_on_from_a_state_dict(plan: Plan) -> None:
    def scheduled() -> Any:
        model, optimizer = prepared(plan)
        return model, optimizer, schedules.LambdaLR(optimizer, lambda s: 0.9**s)

    whole = scheduled()
    trained(*whole)
    expected = trained(*whole)
    first, second = scheduled(), scheduled()
    trained(*first)
    for one, other in zip(first, second, strict=True):
        other.load_state_dict(copy.deepcopy(one.state_dict()))
    assert trained(*second) == expected


def test_accumulated_gradients(plan: Plan) -> None:
    """Two halves of a batch are the batch."""
    expected = trained(*prepared(plan))
    model, optimizer = prepared(plan)
    losses = []
    for step in range(STEPS):
        x, y = data(step)
        halves = [loss_of(model, (x[h], y[h])) / 2 for h in (slice(0, 4), slice(4, 8))]
        optimizer.zero_grad()
        for half in halves:
            half.backward()
        optimizer.step()
        losses.append(sum(h.item() for h in halves))
    assert losses == pytest.approx(expected, rel=1e-5)


def test_an_average_of_the_weights(plan: Plan) -> None:
    """The average of one model is that model, its multipliers once; that of two is between."""
    model, optimizer = prepared(plan)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.5))
    average.update_parameters(model)
    x, _ = data(0)
    assert torch.equal(average(x), model(x))
    before = model.readout.weight.detach().clone()
    trained(model, optimizer)
    average.update_parameters(model)
    torch.testing.assert_close(average.module.readout.weight, (before + model.readout.weight) / 2)


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_compiled_it_trains_the_same(plan: Plan, backend: str, when: str) -> None:
    expected = trained(*prepared(plan))

    def compiled(model: nn.Module) -> Any:
        return torch.compile(model, backend=backend)

    if when == "before":
        assert trained(*prepared(plan, compiled)) == pytest.approx(expected, rel=1e-5)
    else:
        model, optimizer = prepared(plan)
        assert trained(compiled(model), optimizer) == pytest.approx(expected, rel=1e-5)


def test_a_compiled_step_is_watched(plan: Plan) -> None:
    expected = trained(*prepared(plan))
    model, optimizer = prepared(plan)
    step, losses = torch.compile(optimizer.step, backend="eager"), []
    for number in range(STEPS):
        loss = loss_of(model, data(number))
        optimizer.zero_grad()
        loss.backward()
        step()
        losses.append(loss.item())
    assert losses == pytest.approx(expected, rel=1e-5)
    optimizer.param_groups[0]["lr"] *= 2
    with pytest.raises(InputError, match="something set them"):
        step()


def parallel(rank: int, size: int, port: int, plan: str, path: str) -> None:
    """One process: its part of every batch."""
    from torch.distributed import destroy_process_group, init_process_group
    from torch.nn.parallel import DistributedDataParallel

    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    init_process_group("gloo", rank=rank, world_size=size)
    model, optimizer = prepared(load_plan(plan), DistributedDataParallel)
    schedule = schedules.LambdaLR(optimizer, lambda s: 1 / (1 + s))
    for step in range(STEPS):
        x, y = (part.chunk(size)[rank] for part in data(step))
        optimizer.zero_grad()
        loss_of(model, (x, y)).backward()
        optimizer.step()
        schedule.step()
    load_plan(plan).verify(model, optimizer)
    if rank == 0:
        torch.save(model.module.state_dict(), path)
    destroy_process_group()


def test_ddp_trains_as_one_process(plan: Plan, tmp_path: Path) -> None:
    file, path = tmp_path / "plan.json", tmp_path / "found.pt"
    plan.save(file)
    mp.spawn(parallel, args=(2, free_port(), str(file), str(path)), nprocs=2)  # type: ignore[no-untyped-call]
    model, optimizer = prepared(plan)
    trained(model, optimizer, schedules.LambdaLR(optimizer, lambda s: 1 / (1 + s)))
    found = torch.load(path)
    for name, p in model.state_dict().items():
        torch.testing.assert_close(found[name], p, rtol=1e-4, atol=1e-6)
