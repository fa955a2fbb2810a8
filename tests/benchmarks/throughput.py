"""Sweeps of 32 trials against mup's MuAdamW and an Optuna loop, the same trials one after another.

python -m tests.benchmarks.throughput [steps [repeats [widths [cores [model [device]]]]]]

model: mlp (a teacher's data, batch 64) or gpt (two blocks, 8 sequences of 64 bytes of text).
device: cpu or cuda. On cuda mup's loop runs as it is, and with the step of each trial captured as a
CUDA graph.

Each arm gets the same data, seeds and learning rates, keeps its study in SQLite, and looks at the
validation loss once. Ours includes the calibration. Interleaved; medians of ratios.
"""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli.data.opening import open_source
from mutransfer_cli.models.builtin.gpt import GPT
from mutransfer_cli.recipe.load import LoadedRecipe, loads
from mutransfer_cli.search.sweep import sweep
from tests.benchmarks.given_words import given_words

Arm = Callable[[int], tuple[float, float]]
BASE = 32
RATES = (-12.0, -4.25, 0.25)  # 32 of them, in log2
MODELS = {
    "mlp": (64, "model: {build: mlp}\ndata: {source: teacher, d_in: 64, d_out: 10}\n"),
    "gpt": (
        8,
        "model: {build: gpt, args: {head_dim: 32}}\ndata: {source: stdlib, seq_len: 64}\n",
    ),
}


def recipe(width: int, steps: int, model: str = "mlp") -> LoadedRecipe:
    low, high, step = RATES
    batch, what = MODELS[model]
    return loads(
        f"name: t\n{what}"
        f"optimizer: {{name: adamw, lr: 0.01, weight_decay: 0.1}}\n"
        f"base: {{width: {width}, depth: 2, batch: {batch}, steps: {steps}}}\n"
        f"ladder: {{width: [{width}]}}\n"
        f"search: {{seeds: 1, extend: 0, space: {{lr: {{log2: [{low}, {high}], step: {step}}}}}}}\n"
    )


def ours(
    width: int, steps: int, workers: int, model: str = "mlp", device: str = "cpu"
) -> tuple[float, float, str]:
    """Seconds, best loss, and the way that was chosen."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        made, run = recipe(width, steps, model), Path(folder) / "run"
        document = sweep(made, run, device=device, workers=workers if device == "cpu" else None)
        seconds = time.perf_counter() - started
    assert document.trials.finished + document.trials.diverged == 32 and document.best is not None
    size = document.population.size
    graph = ", CUDA graph" if document.population.rungs[0].way == "graph" else ""
    way = f"population of {size}{graph}" if size > 1 else "one by one"
    return seconds, document.best.loss, way


class Net(nn.Module):
    """The same network with mup's readout."""

    def __init__(self, width: int) -> None:
        from mup import MuReadout

        super().__init__()
        self.first = nn.Linear(64, width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        self.readout = MuReadout(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.first(x))
        for layer in self.hidden:
            h = torch.relu(layer(h))
        y: Tensor = self.readout(h)
        return y


class Text(GPT):
    """The built-in gpt with mup's readout, and attention over the size of a head."""

    def __init__(self, width: int) -> None:
        from mup import MuReadout

        super().__init__(width, 2, 256, 64, head_dim=32)
        self.readout = MuReadout(width, 256, bias=False)
        for block in self.blocks:
            block.attention.attention_scale = 32**0.5 / 32


def replayed(
    net: nn.Module, optimizer: torch.optim.Optimizer, step: Callable[[], object]
) -> Callable[[], object]:
    """As torch's documentation has it: warmed up on a stream aside, then captured.

    The steps of warming up are undone.
    """
    start = {name: value.clone() for name, value in net.state_dict().items()}
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    net.load_state_dict(start)
    for state in optimizer.state.values():
        for value in state.values():
            value.zero_()
    return graph.replay


def theirs(
    width: int,
    steps: int,
    threads: int,
    model: str = "mlp",
    device: str = "cpu",
    graph: bool = False,
) -> tuple[float, float]:
    """Seconds and best loss: mup and Optuna, trial after trial. graph: each trial's step is one."""
    import optuna
    from mup import MuAdamW, set_base_shapes

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.set_num_threads(threads)
    source = open_source(recipe(width, steps, model).recipe)
    made, batch = (Net if model == "mlp" else Text), MODELS[model][0]
    place = torch.device(device)
    low, high, step = RATES
    grid = [low + i * step for i in range(32)]

    def loss_of(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(net(x).flatten(0, -2), y.flatten())

    def objective(trial: Any) -> float:
        rate = 2.0 ** trial.suggest_float("lr", low, high)
        torch.manual_seed(0)
        net = made(width)
        set_base_shapes(net, made(BASE), delta=made(2 * BASE))
        net.to(place)
        more = {"capturable": True} if graph else {}
        optimizer = MuAdamW(net.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.1, **more)
        peaks = [g["lr"] for g in optimizer.param_groups]
        x, y = (part.to(place) for part in source.batch(0, 0, batch))
        seen = torch.zeros((), device=place)
        if graph:
            for group in optimizer.param_groups:
                group["lr"] = torch.tensor(group["lr"], device=place)

        def one_step() -> None:
            loss = loss_of(net, x, y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            seen.copy_(loss.detach())

        step = replayed(net, optimizer, one_step) if graph else one_step
        warm = round(0.1 * steps)
        for i in range(steps):
            share = (i + 1) / warm if i < warm else (steps - i) / (steps - warm)
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                if graph:
                    group["lr"].fill_(peak * share)
                else:
                    group["lr"] = peak * share
            for room, new in zip((x, y), source.batch(0, i, batch), strict=True):
                room.copy_(new, non_blocking=True)
            step()
            if i % 10 == 9 and not bool(torch.isfinite(seen)):
                raise optuna.TrialPruned
        with torch.no_grad():
            parts = [[p.to(place) for p in part] for part in source.validation(batch)]
            return float(torch.stack([loss_of(net, x, y) for x, y in parts]).mean())

    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        sampler = optuna.samplers.GridSampler({"lr": grid})
        study = optuna.create_study(storage=f"sqlite:///{folder}/study.db", sampler=sampler)
        study.optimize(objective, n_trials=32)
        return time.perf_counter() - started, study.best_value


def main() -> None:
    warnings.simplefilter("ignore")
    given = given_words(__doc__)
    steps = int(given[0]) if given else 1000
    repeats = int(given[1]) if len(given) > 1 else 3
    widths = [int(w) for w in given[2].split(",")] if len(given) > 2 else [64, 128, 256, 512]
    cores = int(given[3]) if len(given) > 3 else 1
    model = given[4] if len(given) > 4 else "mlp"
    device = given[5] if len(given) > 5 else "cpu"
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:cores]))
    torch.set_num_threads(1)
    arms: dict[str, Arm] = {"one thread": lambda w: theirs(w, steps, 1, model)}
    if device != "cpu":
        arms = {
            "eager": lambda w: theirs(w, steps, 1, model, device),
            "CUDA graphs": lambda w: theirs(w, steps, 1, model, device, True),
        }
    elif cores > 1:
        arms["torch's default threads"] = lambda w: theirs(w, steps, cores, model)
    where = f"{cores} core(s)" if device == "cpu" else torch.cuda.get_device_name(device)
    print(f"{model}: 32 trials of {steps} steps, {where}, {repeats} repeats")
    for width in widths:
        ratios: dict[str, list[float]] = {name: [] for name in arms}
        for _ in range(repeats):
            mine, loss, way = ours(width, steps, cores, model, device)
            for name, arm in arms.items():
                seconds, other = arm(width)
                ratios[name].append(seconds / mine)
            torch.set_num_threads(1)
        told = ", ".join(f"{median(r):.2f} × ({name})" for name, r in ratios.items())
        print(
            f"width {width:4}  {mine:6.1f} s ({way}), best {loss:.3f} and {other:.3f}: {told}",
            flush=True,
        )


if __name__ == "__main__":
    main()
