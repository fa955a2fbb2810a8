"""What a few optimizer steps do at one width with one seed, tensor by tensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from mutransfer_cli.coordcheck.measure.recorder import (
    Call,
    Calls,
    recording,
    rerun,
    rms,
    same_masks,
)
from mutransfer_cli.coordcheck.measure.tensor_probes import (
    decay_of,
    epsilon_ratios,
    paths_differ,
    repeatable,
)
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.models.user_code import run_user_code
from mutransfer_cli.plans.lr_ratio_guard import remove_guard

Make = Callable[[int, int], Subject]  # width, seed -> a subject that is ready to train

ISOTROPIC = 64  # random inputs of the init gain
TOKENS = 8
SMALLEST = 1e-30  # below it nothing moved
DEPENDS = 1.5  # times the effect on twice the input


@dataclass(slots=True)
class Effect:
    """Of one tensor's own update on its module's output."""

    raw: float  # RMS of the change
    aligned: float  # its component along the descent of the loss
    input: float  # RMS of the module's input; 1 where the effect does not depend on it
    gradient: float  # RMS of the loss's gradient with respect to the module's output
    after: float = 1.0  # what the output is multiplied by outside the module


@dataclass(slots=True)
class Measurement:
    """All that one (width, seed) gave."""

    width: int
    effects: dict[str, list[Effect]] = field(default_factory=dict)  # by tensor, one for each use
    gains: dict[str, float] = field(default_factory=dict)  # by tensor
    after: dict[str, float] = field(default_factory=dict)  # by tensor, of the use that `gains` has
    upstream: dict[str, float] = field(default_factory=dict)  # by tensor, see `upstream_of`
    decays: dict[str, float] = field(default_factory=dict)  # by tensor, per step; of one seed
    epsilons: dict[str, float] = field(default_factory=dict)  # over the gradient; of one seed
    paths: float | None = None  # logits without targets over logits with
    activations: dict[str, float] = field(default_factory=dict)  # by module, RMS at init
    changes: dict[str, float] = field(default_factory=dict)  # by module, RMS after the last step
    finite: bool = True


def shrink(batch: Any, tokens: int = TOKENS) -> Any:
    """A tiny batch: the aligned part of an update stands out where samples are few."""
    if not (isinstance(batch, tuple | list) and all(isinstance(t, Tensor) for t in batch)):
        return batch
    x = batch[0]
    if x.dim() == 2 and not x.is_floating_point():
        rows = 2
        columns = max(1, tokens // rows)
        parts = [t[:rows, :columns] if t.dim() == 2 else t[:rows] for t in batch]
    else:
        parts = [t[: tokens // 2] for t in batch]
    return tuple(t.contiguous() for t in parts)  # models call view on them


def owners(model: nn.Module, calls: Calls) -> dict[str, list[tuple[Call, str]]]:
    """For each tensor the recorded calls that use it, and its name inside each module.

    A tensor none of whose own modules was called belongs to the nearest one around that was.
    """
    first = {id(p): name for name, p in model.named_parameters()}
    found: dict[str, list[tuple[Call, str]]] = {name: [] for name in first.values()}
    around: dict[str, list[tuple[Call, str]]] = {name: [] for name in first.values()}
    for path, module in model.named_modules():
        for local, p in module.named_parameters(recurse=False, remove_duplicate=False):
            outer, inner = path, local
            while outer not in calls.of and outer:
                outer, _, last = outer.rpartition(".")
                inner = f"{last}.{inner}"
            if outer in calls.of:
                uses = found if outer == path else around
                uses[first[id(p)]].append((calls.of[outer], inner))
    return {name: uses or around[name] for name, uses in found.items()}


def step(subject: Subject, batch: Any) -> tuple[Calls, bool]:
    """Forward, backward; the optimizer has not stepped yet."""
    assert subject.optimizer is not None and subject.loss is not None
    same_masks()
    subject.model.zero_grad(set_to_none=True)  # not every optimizer has a zero_grad of its own
    with recording(subject.model) as calls:
        loss = run_user_code(partial(subject.loss, subject.model, batch), "loss")
        if not isinstance(loss, Tensor) or loss.dim() != 0:
            got = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
            raise InputError(f"loss: returned {got}, expected one scalar tensor")
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
    return calls, bool(torch.isfinite(loss))


def effects_of(uses: list[tuple[Call, str]], old: Tensor, new: Tensor) -> list[Effect]:
    """The effect of replacing the old value by the new in each module that uses the tensor."""
    found = []
    for call, local in uses:
        change = rerun(call, {local: new}) - rerun(call, {local: old})
        delta = call.gradient
        size = rms(delta) if delta is not None else 0.0
        aligned = (
            -float((change * delta).sum()) / (size * change.numel())
            if delta is not None and size > 0
            else 0.0
        )
        x = size_of_input(call, local, old, new)
        after = 1.0 if "." in local else call.after  # of its own module, not of one around
        found.append(Effect(rms(change), aligned, x, size, after))
    return found


def size_of_input(call: Call, local: str, old: Tensor, new: Tensor) -> float:
    """RMS of a module's input; 1 for what it has no part in, such as the update of a bias."""
    x = next((a for a in call.args if isinstance(a, Tensor) and a.is_floating_point()), None)
    if x is None:
        return 1.0
    if old.dim() <= 1:
        twice = tuple(2 * a if a is x else a for a in call.args)
        once, louder = (
            rms(rerun(call, {local: new}, args) - rerun(call, {local: old}, args))
            for args in (call.args, twice)
        )
        if louder < DEPENDS * once:
            return 1.0
    if isinstance(call.module, nn.RNNBase) and not local.startswith("weight_ih_l0"):
        return rms(call.output)  # what it acts on are states, of which the last layer's are seen
    return rms(x)


def gain_of(call: Call, local: str, value: Tensor) -> float | None:
    """RMS of the output on isotropic inputs of the recorded input's size; bias left out."""
    x = next((a for a in call.args if isinstance(a, Tensor)), None)
    if x is None or not x.is_floating_point() or len(call.args) != 1 or call.kwargs:
        return None
    if local != "weight" or value.dim() < 2:
        return None
    generator = torch.Generator().manual_seed(0)
    shape = (max(1, ISOTROPIC // max(1, x[..., 0].numel())), *x.shape)
    noise = torch.randn(shape, generator=generator).flatten(0, 1).to(x) * rms(x)
    zeros = {
        name: torch.zeros_like(p)
        for name, p in call.module.named_parameters(recurse=False)
        if name == "bias"
    }
    return rms(rerun(call, {local: value, **zeros}, (noise,)))


def upstream_of(model: nn.Module, calls: Calls) -> dict[str, float]:
    """For each tensor the RMS of what the layer before its own put out.

    A readout's input may hold its multiplier; what the layer before it put out does not.
    """
    found: dict[str, float] = {}
    previous: float | None = None
    names = {id(p): name for name, p in model.named_parameters()}
    for path, call in calls.of.items():  # in the order in which the calls ended
        own = [names[id(p)] for p in call.module.parameters(recurse=False)]
        if not own:
            continue
        if previous is not None:
            found.update(dict.fromkeys(own, previous))
        previous = rms(call.output) if path else None
    return found


def ready(make: Make, width: int, seed: int) -> Subject:
    """A subject past its warm-up: a schedule that starts at 0 would move nothing.

    Raises InputError for a model that cannot be trained, or batches that are not repeatable.
    """
    subject = make(width, seed)
    assert subject.batch is not None and subject.optimizer is not None
    if not any(p.requires_grad for p in subject.model.parameters()):
        raise InputError("has no trainable parameters", path=("model",))
    for part in getattr(subject.optimizer, "parts", [subject.optimizer]):
        for group in part.param_groups:
            if group["lr"] == 0 and group.get("initial_lr"):
                group["lr"] = group["initial_lr"]
    return subject


def measure(
    make: Make,
    width: int,
    seed: int,
    steps: int,
    lr_factors: Mapping[str, float] | None = None,
    probes: bool = False,
) -> Measurement:
    """Take `steps` steps on one tiny batch and measure each tensor where it first moves.

    lr_factors multiply the learning rates of single tensors: the negative control. probes: also
    those of the optimizer, and of the model's paths.
    """
    subject = ready(make, width, seed)
    assert subject.batch is not None and subject.optimizer is not None
    if lr_factors:
        multiply_rates(subject.model, subject.optimizer, lr_factors)
    if probes:
        repeatable(subject, seed)
    subject.model.train()
    batch = shrink(subject.batch(seed))
    named = dict(subject.model.named_parameters())
    result = Measurement(width)
    at_init: dict[str, Tensor] = {}
    for number in range(steps):
        calls, finite = step(subject, batch)
        if number == 0 and not finite:
            raise InputError(
                f"loss: not finite at init, at width {width} with seed {seed}; expected a finite "
                "number before any step"
            )
        result.finite &= finite
        uses = owners(subject.model, calls)
        before = {name: p.detach().clone() for name, p in named.items()}
        if number == 0:
            at_init = {name: call.output for name, call in calls.of.items()}
            result.activations = {name: rms(x) for name, x in at_init.items()}
            for name, value in before.items():
                for call, local in uses[name]:
                    gain = gain_of(call, local, value)
                    if gain:
                        result.gains[name], result.after[name] = gain, call.after
            result.upstream = upstream_of(subject.model, calls)
        pushed = {name for name, p in named.items() if p.grad is not None and bool(p.grad.any())}
        subject.optimizer.step()
        for name, p in named.items():
            if name in result.effects or name not in pushed:
                continue  # what moves without a gradient is decayed, not trained
            found = effects_of(uses[name], before[name], p.detach())
            if any(e.raw > SMALLEST for e in found):
                result.effects[name] = [e for e in found if e.raw > SMALLEST]
    last, finite = step(subject, batch)
    result.finite &= finite
    result.changes = {
        name: rms(call.output - at_init[name])
        for name, call in last.of.items()
        if name in at_init and call.output.shape == at_init[name].shape
    }
    if probes:
        result.decays = decay_of(ready(make, width, seed))
        result.epsilons = epsilon_ratios(lambda: ready(make, width, seed), step, batch)
        result.paths = paths_differ(subject, last.of[""]) if "" in last.of else None
    return result


def multiply_rates(model: nn.Module, optimizer: Optimizer, factors: Mapping[str, float]) -> None:
    """Give single tensors a group of their own, with a learning rate so many times the old."""
    names = {id(p): name for name, p in model.named_parameters()}
    for part in getattr(optimizer, "parts", [optimizer]):
        remove_guard(part)  # a plan's optimizer would refuse such rates
        groups: list[dict[str, Any]] = []
        for group in part.param_groups:
            rest = [p for p in group["params"] if names.get(id(p)) not in factors]
            for p in group["params"]:
                if names.get(id(p)) in factors:
                    rate = group["lr"] * factors[names[id(p)]]
                    groups.append({**group, "params": [p], "lr": rate})
            group["params"] = rest
            groups.append(group)
        part.param_groups[:] = groups
