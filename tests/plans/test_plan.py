"""A plan in a training script of one's own: accumulation, averages, compiled models, DDP."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.multiprocessing as mp
from torch import nn
from torch.optim import lr_scheduler as schedules
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mutransfer_cli import Plan, load_plan
from tests.helpers.planned_net import (
    STEPS,
    batch_loss,
    free_port,
    prepared,
    train,
    training_batch,
)


def test_going_on_from_a_state_dict(plan: Plan) -> None:
    def scheduled() -> Any:
        model, optimizer = prepared(plan)
        return model, optimizer, schedules.LambdaLR(optimizer, lambda s: 0.9**s)

    whole = scheduled()
    train(*whole)
    expected = train(*whole)
    first, second = scheduled(), scheduled()
    train(*first)
    for one, other in zip(first, second, strict=True):
        other.load_state_dict(copy.deepcopy(one.state_dict()))
    assert train(*second) == expected


def test_accumulated_gradients(plan: Plan) -> None:
    """Two halves of a batch are the batch."""
    expected = train(*prepared(plan))
    model, optimizer = prepared(plan)
    losses = []
    for step in range(STEPS):
        x, y = training_batch(step)
        halves = [batch_loss(model, (x[h], y[h])) / 2 for h in (slice(0, 4), slice(4, 8))]
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
    x, _ = training_batch(0)
    assert torch.equal(average(x), model(x))
    before = model.readout.weight.detach().clone()
    train(model, optimizer)
    average.update_parameters(model)
    torch.testing.assert_close(average.module.readout.weight, (before + model.readout.weight) / 2)


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_compiled_it_trains_the_same(plan: Plan, backend: str, when: str) -> None:
    expected = train(*prepared(plan))

    def compiled(model: nn.Module) -> Any:
        return torch.compile(model, backend=backend)

    if when == "before":
        assert train(*prepared(plan, compiled)) == pytest.approx(expected, rel=1e-5)
    else:
        model, optimizer = prepared(plan)
        assert train(compiled(model), optimizer) == pytest.approx(expected, rel=1e-5)


def parallel(rank: int, size: int, port: int, plan: str, path: str) -> None:
    """One process: its part of every batch."""
    from torch.distributed import destroy_process_group, init_process_group
    from torch.nn.parallel import DistributedDataParallel

    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    init_process_group("gloo", rank=rank, world_size=size)
    model, optimizer = prepared(load_plan(plan), DistributedDataParallel)
    schedule = schedules.LambdaLR(optimizer, lambda s: 1 / (1 + s))
    for step in range(STEPS):
        x, y = (part.chunk(size)[rank] for part in training_batch(step))
        optimizer.zero_grad()
        batch_loss(model, (x, y)).backward()
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
    train(model, optimizer, schedules.LambdaLR(optimizer, lambda s: 1 / (1 + s)))
    found = torch.load(path)
    for name, p in model.state_dict().items():
        torch.testing.assert_close(found[name], p, rtol=1e-4, atol=1e-6)
