"""Initialization from the meta device, in any order of parameters, and sharded (FSDP2)."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import multiprocessing as mp
from torch import nn

from mutransfer_cli.errors import InputError
from tests.helpers.planned_net import WIDTH, Net, free_port, initialized_net, inputs, net_plan


class Reordered(Net):
    """The same modules, registered the other way round."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        for name in ("hidden", "first"):
            module = getattr(self, name)
            delattr(self, name)
            setattr(self, name, module)


def test_from_the_meta_device() -> None:
    with torch.device("meta"):
        model = Net(WIDTH)
    with pytest.raises(InputError, match=r"on the meta device; call model\.to_empty"):
        net_plan().initialize(model)
    model.to_empty(device="cpu")
    net_plan().initialize(model, 0)
    reference = initialized_net()
    for (name, p), q in zip(model.named_parameters(), reference.parameters(), strict=True):
        if p.dim() == 2:  # a bias keeps its own init, which to_empty has thrown away
            assert torch.equal(p, q), name


def test_init_depends_on_name_and_seed_only() -> None:
    one, other = initialized_net(), Reordered(WIDTH)
    assert [n for n, _ in one.named_parameters()] != [n for n, _ in other.named_parameters()]
    torch.manual_seed(99)
    net_plan().initialize(other, 0)
    values = dict(other.named_parameters())
    assert torch.equal(one.hidden.weight, values["hidden.weight"])  # type: ignore[union-attr]  # a Net
    assert not torch.equal(initialized_net(1).hidden.weight, values["hidden.weight"])  # type: ignore[union-attr]  # a Net


def sharded(rank: int, size: int, port: int, path: str) -> None:
    """One process: shard, initialize and install; the first keeps what all of them hold."""
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
    found = net_plan()
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
    """Sharded over processes the model starts, computes and steps as the unsharded model does."""
    path = tmp_path / "found.pt"
    mp.spawn(sharded, args=(size, free_port(), str(path)), nprocs=size)  # type: ignore[no-untyped-call]  # torch has no type for it
    loss, values, after = torch.load(path)
    model = initialized_net()
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
    net_plan().install(model)
    nn.functional.cross_entropy(model(inputs()), torch.zeros(7, dtype=torch.long)).backward()
    net_plan().optimizers(model)[0].step()
    for name, p in model.named_parameters():
        torch.testing.assert_close(after[name], p.detach())


@pytest.mark.parametrize("init", ["normal", "rescale"])
def test_complex_weights_have_both_parts(init: str) -> None:
    """The standard deviation is that of the complex number: √2 times that of each part."""
    model = nn.Module()
    model.w = nn.Parameter(torch.randn(200, 200, dtype=torch.cfloat))
    tensors = (replace(net_plan().tensors[0], name="w", shape=(200, 200), init=init, init_std=0.1),)
    replace(net_plan(), tensors=tensors).initialize(model)
    for part in (model.w.real, model.w.imag):
        assert float(part.detach().std()) == pytest.approx(0.1 / 2**0.5, rel=0.05)
