"""The library in a loop of one's own: compiled, under autocast, with dropout and batch norm."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.probes import (
    Hessian,
    feature_movement,
    layer_features,
    matrix_norms,
    noise_scale,
    stability,
    top_eigenvalues,
    trained_weights,
)

X = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))
BATCH = (X, torch.sin(X[:, :1]))


def squared(model: nn.Module, batch: Any) -> Tensor:
    return ((model(batch[0]) - batch[1]) ** 2).mean()


def in_bfloat16(model: nn.Module, batch: Any) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = model(batch[0]).float()
    return ((output - batch[1]) ** 2).mean()


def trained(*middle: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), *middle, nn.Tanh(), nn.Linear(8, 1))


def ratio(model: nn.Module, loss: Callable[[nn.Module, Any], Tensor] = squared) -> float:
    """After three steps of AdamW, each followed by a measurement."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        loss(model, BATCH).backward()  # type: ignore[no-untyped-call]  # torch has no type for it
        optimizer.step()
        found = stability(Hessian(model, loss, [BATCH]), optimizer)
    return found.ratio


def test_a_compiled_model_has_the_curvature_of_its_own() -> None:
    """A compiled backward pass cannot be differentiated again; the eager one is."""
    compiled = torch.compile(trained(), backend="aot_eager")
    assert ratio(compiled) == pytest.approx(ratio(trained()), rel=1e-4)
    batches = [(X[i : i + 4], BATCH[1][i : i + 4]) for i in range(0, 32, 4)]
    noise = noise_scale(compiled, squared, batches, 4).noise_scale.value
    plain = trained()
    plain.load_state_dict({k.split(".", 1)[1]: v for k, v in compiled.state_dict().items()})
    assert noise == pytest.approx(noise_scale(plain, squared, batches, 4).noise_scale.value, 1e-4)


def test_under_autocast() -> None:
    """Bfloat16 has three digits."""
    assert ratio(trained(), in_bfloat16) == pytest.approx(ratio(trained()), rel=0.05)


def test_dropout_and_batch_norm_are_frozen_while_it_measures() -> None:
    """Against the dense Hessian of the loss with the same mask (torch.autograd.functional)."""
    model = trained(nn.Dropout(0.5), nn.BatchNorm1d(8))
    means = model[2].running_mean.clone()  # type: ignore[union-attr,operator]  # of batch norm
    hessian = Hessian(model, squared, [BATCH])
    found = top_eigenvalues(hessian).values[0]
    named = dict(model.named_parameters())

    def of_weights(flat: Tensor) -> Tensor:
        parts = flat.split([p.numel() for p in named.values()])
        new = {n: v.view_as(p) for (n, p), v in zip(named.items(), parts, strict=True)}
        torch.manual_seed(0)
        return ((torch.func.functional_call(model, new, BATCH[0]) - BATCH[1]) ** 2).mean()

    weights = torch.cat([p.detach().reshape(-1) for p in named.values()])
    assert torch.equal(model[2].running_mean, means)  # type: ignore[arg-type]  # of batch norm
    dense = torch.autograd.functional.hessian(of_weights, weights)
    assert found == pytest.approx(float(torch.linalg.eigvalsh(dense)[-1]), rel=1e-3)
    assert torch.rand(1) != torch.rand(1)


def with_everything(optimizer: torch.optim.Optimizer, model: nn.Module, before: Any) -> None:
    stability(Hessian(model, squared, [BATCH]), optimizer)
    noise_scale(model, squared, [BATCH, BATCH, (X[:16], X[:16, :1]), BATCH], 32)
    feature_movement(layer_features(model, squared, BATCH), layer_features(model, squared, BATCH))
    matrix_norms(model, before, readout=[n for n, _ in model.named_parameters()][-2])


@pytest.mark.parametrize("compiled", [False, True])
def test_training_goes_on_to_the_last_bit_as_without_probes(compiled: bool) -> None:
    """Losses, gradients, buffers, modes and random numbers, with dropout and batch norm."""

    def run(measure: Any) -> tuple[list[float], list[Tensor], Tensor]:
        torch.manual_seed(0)
        model: nn.Module = trained(nn.Dropout(0.5), nn.BatchNorm1d(8), nn.Linear(8, 8))
        model[2].eval()  # type: ignore[index]  # one part of it is not trained, as in finetuning
        if compiled:
            model = torch.compile(model, backend="aot_eager")  # type: ignore[assignment]  # a module
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
        losses = []
        for _ in range(4):
            before = trained_weights(model)
            value = squared(model, BATCH)
            optimizer.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
            optimizer.step()
            grads = [p.grad.clone() for p in model.parameters() if p.grad is not None]
            modes = [m.training for m in model.modules()]
            measure(optimizer, model, before)
            assert [m.training for m in model.modules()] == modes
            after = [p.grad for p in model.parameters() if p.grad is not None]
            assert all(map(torch.equal, grads, after))
            losses.append(float(value.detach()))
        return losses, [t.clone() for t in model.state_dict().values()], torch.rand(3)

    with_probes, without = run(with_everything), run(lambda *_: None)
    assert with_probes[0] == without[0]
    assert all(map(torch.equal, with_probes[1], without[1]))
    assert torch.equal(with_probes[2], without[2])

    def careless(optimizer: Any, model: nn.Module, before: Any) -> None:
        squared(model, BATCH)

    assert run(careless)[0] != without[0]  # the control: one more forward pass draws a mask


def test_features_and_norms_by_hand() -> None:
    """Doubled weights: features change by themselves, norms double, and nothing turns."""
    model = nn.Sequential(nn.Linear(4, 3, bias=False), nn.Linear(3, 1, bias=False))
    before, start = trained_weights(model), layer_features(model, squared, BATCH)
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(2)
    assert list(start) == ["0"]  # without the readout
    assert torch.allclose(start["0"], X @ before["0.weight"].T)
    moved = feature_movement(start, layer_features(model, squared, BATCH))
    assert moved == {"0": pytest.approx(1)}
    found = matrix_norms(model, before, readout="1.weight")
    largest = float(torch.linalg.matrix_norm(2 * before["0.weight"], 2))
    assert found["spectral norm 0.weight"] == pytest.approx(largest, rel=0.01)
    assert found["readout norm"] == pytest.approx(2 * 3**0.5 * float(before["1.weight"].norm()))
    assert found["update ratio 0.weight"] == pytest.approx(1)
    assert found["rotation 0.weight"] == pytest.approx(0, abs=1e-3)
    with pytest.raises(InputError, match=r"no matrix 'head'; there are 0\.weight, 1\.weight"):
        matrix_norms(model, readout="head")
    with pytest.raises(InputError, match="not of this model"):
        matrix_norms(nn.Linear(2, 2), before)


def test_the_example_of_the_documentation(capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[2] / "docs" / "probes.md").read_text()
    example = re.findall(r"```python\n(.*?)```", text, re.S)[0]
    exec(example.replace("range(100)", "range(60)"), {})
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 4
    assert 0 < float(printed[0]) < 1
