"""Small recipes of every kind of model, and trials of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn

from mutransfer_cli.catalog.models import MODELS as CATALOG
from mutransfer_cli.catalog.optimizers import OPTIMIZERS
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import loads, override
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size, base_size
from mutransfer_cli.train.checkpoint.checkpointer import Checkpointer
from mutransfer_cli.train.pruner import Pruner
from mutransfer_cli.train.single_trial import train_trial
from mutransfer_cli.train.trial import Trial
from mutransfer_cli.train.trial_result import Result

TEXT = "{source: stdlib, seq_len: 16}"
MODELS = {
    "mlp": ("{build: mlp}", "{source: teacher, d_in: 16, d_out: 5}"),
    "gpt": ("{build: gpt, args: {head_dim: 16}}", TEXT),
    "group": ("{build: convnet, args: {norm: group}}", "{source: digits}"),
    "batch": ("{build: convnet, args: {norm: batch}}", "{source: digits}"),
    "llama": ("{build: 'hf:llama', args: {head_dim: 16, vocab_size: 256}}", TEXT),
    "own": ("{build: 'own:build'}", "{source: teacher, d_in: 16, d_out: 5}"),
}
# Keys of MODELS that are built in, each a form of a row of the catalog.
BUILT_IN = tuple(
    key
    for key, (shape, _) in MODELS.items()
    if any(shape.startswith((f"{{build: {row.name},", f"{{build: {row.name}}}")) for row in CATALOG)
)
# Learning rates near the optimum of the small recipes; others train at the usual rate of Adam.
RATES = {"sgd": 0.1, "adam": 0.005, "adamw": 0.005, "adafactor": 0.02, "lion": 0.001, "muon": 0.01}
OWN = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self, width, noise):
        super().__init__()
        self.first, self.drop = nn.Linear(16, width), nn.Dropout(noise)
        self.last = nn.Linear(width, 5)
        self.mid = nn.Linear(width, width)
    def forward(self, x):
        return self.last(self.drop(torch.relu(self.mid(torch.relu(self.first(x))))))
def build(width): return Net(width, 0.0)
def noisy(width): return Net(width, 0.2)
class Looks(Net):
    def forward(self, x):
        return super().forward(x if float(x.sum()) < 1e9 else -x)
def looks(width): return Looks(width, 0.0)
"""
GPT = """
name: t
model: {build: gpt, args: {vocab_size: 256, head_dim: 8}}
optimizer: {name: adamw, lr: 0.01, eps: 1.0e-8, weight_decay: 0.1}
init: {residual: gpt2}
clip: 1.0
data: {source: stdlib, seq_len: 16}
base: {width: 16, depth: 2, batch: 4, steps: 12}
ladder: {width: [16, 32]}
"""
MLP = """
name: t
model: {build: mlp}
optimizer: {name: sgd, lr: 0.1, momentum: 0.9}
data: {source: teacher, d_in: 16, d_out: 4}
base: {width: 16, depth: 2, batch: 8, steps: 30}
"""


def rate_of(optimizer: str) -> float:
    """A learning rate at which the small recipes train well."""
    return RATES.get(optimizer, 0.005)


def small_recipe(model: str, optimizer: str = "adamw", more: str = "", build: str = "") -> Recipe:
    """A recipe of one of `MODELS`.

    Args:
        model: Its key.
        optimizer: Its name.
        more: Further lines of the recipe.
        build: Another `model.build`.
    """
    shape, data = MODELS[model]
    if build:
        shape = f"{{build: '{build}'}}"
    decay, rate = OPTIMIZERS[optimizer].weight_decay, rate_of(optimizer)
    return loads(
        f"name: p\nmodel: {shape}\ndata: {data}\n"
        "base: {width: 32, depth: 2, batch: 8, steps: 100}\n"
        f"optimizer: {{name: {optimizer}, lr: {rate}, weight_decay: {decay}}}\n{more}"
    ).recipe


def changed_recipe(text: str, **changes: object) -> Recipe:
    """A recipe with some values replaced; `optimizer__lr` stands for `optimizer.lr`."""
    return override(loads(text).recipe, {k.replace("__", "."): v for k, v in changes.items()})


def trials_of(recipe: Recipe, size: Size, settings: Sequence[Mapping[str, float]]) -> list[Trial]:
    """A trial for each setting; two seeds in turn: two inits, two orders of the data."""
    factory = ProxyFactory(recipe)
    return [Trial.of(factory, size, i % 2, setting) for i, setting in enumerate(settings)]


def train_recipe(
    recipe: Recipe,
    size: Size | None = None,
    seed: int = 0,
    checkpointer: Checkpointer | None = None,
    pruner: Pruner | None = None,
) -> Result:
    """Train a trial of a recipe by itself, at its base unless told otherwise."""
    trial = Trial.of(ProxyFactory(recipe), size or base_size(recipe), seed, pruner=pruner)
    return train_trial(trial, checkpointer=checkpointer)


def plain_net(width: int) -> nn.Module:
    """A user's network on 16 numbers and 5 classes."""
    return nn.Sequential(nn.Linear(16, width), nn.ReLU(), nn.Linear(width, 5))
