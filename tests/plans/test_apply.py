"""A plan on models that were copied, compiled, averaged, on the meta device, or sharded."""

from __future__ import annotations

import copy
import os
import pickle
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch import multiprocessing as mp
from torch.optim.swa_utils import AveragedModel

from mutransfer_cli import plan
from mutransfer_cli.errors import InputError
from mutransfer_cli.plans.plan import Plan

BASE, WIDTH, INPUTS, CLASSES = 16, 64, 5, 3


class Net(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(INPUTS, width)
        self.hidden = nn.Linear(width, width)
        self.readout = nn.Linear(width, CLASSES, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.readout(torch.relu(self.hidden(torch.relu(self.first(x)))))
        return y


class Reordered(Net):
    """The same modules, registered the other way round."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        for name in ("hidden", "first"):
            module = getattr(self, name)
            delattr(self, name)
            setattr(self, name, module)


def inputs() -> Tensor:
    return torch.randn(7, INPUTS, generator=torch.Generator().manual_seed(3))


def made(readout: str = "multiplier") -> Plan:
    from mutransfer_cli.parameterization.settings import Init

    return plan(
        Net,
        base={"width": BASE},
        target={"width": WIDTH},
        optimizer={"name": "adamw", "lr": 0.01},
        readout=readout,
        init=Init(source="fan_in"),
        batch=(inputs(), torch.zeros(7, dtype=torch.long)),
    )


def plain(seed: int = 0) -> nn.Module:
    model = Net(WIDTH)
    made().initialize(model, seed)
    return model


def scaled(model: nn.Module) -> Tensor:
    """By hand: the readout of a network 4 times as wide is divided by 4."""
    with torch.no_grad():
        found: Tensor = model(inputs()) / 4
    return found


def eager(model: nn.Module) -> nn.Module:
    return torch.compile(model, backend="eager")  # type: ignore[return-value]  # it is a Module


WRAPPERS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "copied": copy.deepcopy,
    "averaged": AveragedModel,
    "compiled": eager,
    "pickled": lambda model: pickle.loads(pickle.dumps(model)),
    "averaged copy of a compiled": lambda model: AveragedModel(eager(model)),
}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_wrapped(wrapper: str, when: str) -> None:
    model = plain()
    wanted = scaled(model)
    if when == "before":
        made().install(model)
    wrapped = WRAPPERS[wrapper](model)
    if when == "after":
        made().initialize(wrapped, 0)
        made().install(wrapped)
    with torch.no_grad():
        torch.testing.assert_close(wrapped(inputs()), wanted)
    rates = {g["lr"] for g in made().param_groups(wrapped)}
    assert rates == {0.01, 0.01 / 4}  # the hidden matrix has an input 4 times as wide
    assert sum(len(g["params"]) for g in made().param_groups(wrapped)) == 5


def test_a_compiled_model_that_was_called_notices_new_multipliers() -> None:
    model = plain()
    wanted = scaled(model)
    compiled = eager(model)
    with torch.no_grad():
        assert not torch.allclose(compiled(inputs()), wanted)  # compiled now, without
        made().install(compiled)
        torch.testing.assert_close(compiled(inputs()), wanted)
        module = plain()
        module.compile(backend="eager")
        module(inputs())
        made().install(module)
        torch.testing.assert_close(module(inputs()), wanted)


def test_installed_twice_is_refused() -> None:
    model = plain()
    made().install(model)
    for again in (model, copy.deepcopy(model)):
        with pytest.raises(InputError, match="installed before"):
            made().install(again)


def test_nothing_is_kept_on_parameters() -> None:
    model = plain()
    made().install(model)
    made().param_groups(model)
    assert all(not vars(p) for p in model.parameters())


def test_from_the_meta_device() -> None:
    with torch.device("meta"):
        model = Net(WIDTH)
    with pytest.raises(InputError, match=r"on the meta device; call model\.to_empty"):
        made().initialize(model)
    model.to_empty(device="cpu")
    made().initialize(model, 0)
    reference = plain()
    for (name, p), q in zip(model.named_parameters(), reference.parameters(), strict=True):
        if p.dim() == 2:  # a bias keeps its own init, which to_empty has thrown away
            assert torch.equal(p, q), name


def test_init_depends_on_name_and_seed_alone() -> None:
    one, other = plain(), Reordered(WIDTH)
    assert [n for n, _ in one.named_parameters()] != [n for n, _ in other.named_parameters()]
    torch.manual_seed(99)
    made().initialize(other, 0)
    values = dict(other.named_parameters())
    assert torch.equal(one.hidden.weight, values["hidden.weight"])  # type: ignore[union-attr]  # a Net
    assert not torch.equal(plain(1).hidden.weight, values["hidden.weight"])  # type: ignore[union-attr]  # a Net


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
    return port


def sharded(rank: int, size: int, port: int, path: str) -> None:
    """One process: shard, initialise and install; the first keeps what all of them hold."""
    from torch.distributed import destroy_process_group, init_process_group
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    init_process_group("gloo", rank=rank, world_size=size)
    mesh = init_device_mesh("cpu", (size,))
    torch.manual_seed(rank)  # processes need not agree
    model = Net(WIDTH)
    for p in model.parameters():
        if p.dim() == 1:
            nn.init.zeros_(p)
    fully_shard(model.hidden, mesh=mesh)
    fully_shard(model, mesh=mesh)
    found = made()
    found.initialize(model, 0)
    found.install(model)
    optimizer = found.optimizers(model)[0]
    values = {n: p.full_tensor().detach().clone() for n, p in model.named_parameters()}  # type: ignore[operator]  # a DTensor
    loss = nn.functional.cross_entropy(model(inputs()), torch.zeros(7, dtype=torch.long))
    loss.backward()
    optimizer.step()
    after = {n: p.full_tensor().detach().clone() for n, p in model.named_parameters()}  # type: ignore[operator]  # a DTensor
    if rank == 0:
        torch.save((loss.item(), values, after), path)
    destroy_process_group()


@pytest.mark.parametrize("size", [1, 2])
def test_sharded(tmp_path: Path, size: int) -> None:
    """Sharded over processes the model starts, computes and steps as the whole one does."""
    path = tmp_path / "found.pt"
    mp.spawn(sharded, args=(size, free_port(), str(path)), nprocs=size)  # type: ignore[no-untyped-call]  # torch has no type for it
    loss, values, after = torch.load(path)
    model = plain()
    with torch.no_grad():
        for p in model.parameters():
            if p.dim() == 1:
                p.zero_()
    wanted = nn.functional.cross_entropy(
        torch.as_tensor(model(inputs())) / 4, torch.zeros(7, dtype=torch.long)
    )
    assert loss == pytest.approx(wanted.item(), rel=1e-6)
    for name, p in model.named_parameters():
        assert torch.equal(values[name], p), name
    made().install(model)
    nn.functional.cross_entropy(model(inputs()), torch.zeros(7, dtype=torch.long)).backward()
    made().optimizers(model)[0].step()
    for name, p in model.named_parameters():
        torch.testing.assert_close(after[name], p.detach())
