"""The recipes over which rules for training length and batch size are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size

Growth = Literal["steps", "batch at equal tokens", "batch at equal steps"]

ADAMW = "optimizer: {name: adamw, lr: 0.01, betas: [0.9, 0.95], eps: 1.0e-10, weight_decay: 0.0}"
DECAY = ADAMW.replace("weight_decay: 0.0", "weight_decay: 0.5")
MLP = "model: {build: mlp}\ndata: {source: teacher, d_in: 64, d_out: 16}"
GPT = (
    "model: {build: gpt, args: {vocab_size: 256, head_dim: 8}}\ndata: {source: stdlib, seq_len: 32}"
)
CONVNET = "model: {build: convnet}\ndata: {source: digits}"
NOISY_DIGITS = 'model: {build: "recipes.ladders.noisy_digits:build_mlp"}\ndata: {source: digits}'
REGRESSION = (
    'model: {build: "recipes.ladders.regression:build"}\n'
    "data: {source: teacher, d_in: 16, d_out: 2}"
)
BATCH_DIGITS = NOISY_DIGITS.replace('"}', '", args: {batch: BATCH}}')
BATCH_CONVNET = BATCH_DIGITS.replace(":build_mlp", ":build_convnet")
BATCH_REGRESSION = REGRESSION.replace('"}', '", args: {batch: BATCH}}')
LLAMA = (
    'model: {build: "hf:llama", args: {vocab_size: 256, head_dim: 8}}\n'
    "data: {source: stdlib, seq_len: 16}"
)
RATIOS = (1, 4, 16)


@dataclass(frozen=True)
class HorizonRecipe:
    """A recipe whose runs grow in one direction.

    Attributes:
        name: Its name in tables.
        model: The sections `model` and `data`.
        optimizer: The section `optimizer`.
        schedule: Name of the schedule.
        base: The smallest run.
        growth: What grows.
        ratios: By how much, over the smallest run.
        rates: Log2 of the lowest and the highest learning rate, an octave apart.
    """

    name: str
    model: str
    optimizer: str
    schedule: str
    base: Size
    growth: Growth
    ratios: tuple[int, ...]
    rates: tuple[int, int]

    def size(self, ratio: int) -> Size:
        """The run that is larger by a ratio."""
        b = self.base
        if self.growth == "steps":
            return Size(b.width, b.depth, b.batch, b.steps * ratio)
        steps = b.steps // ratio if self.growth == "batch at equal tokens" else b.steps
        return Size(b.width, b.depth, b.batch * ratio, steps)

    def load(self, horizon: str, ratio: int = 1) -> Recipe:
        """The recipe under a rule; `BATCH` in its model is the batch at the ratio."""
        b = self.base
        model = self.model.replace("BATCH", str(self.size(ratio).batch))
        return loads(
            f"name: horizon\n{model}\n{self.optimizer}\n"
            f"schedule: {{name: {self.schedule}, warmup: 0.1}}\ninit: {{from: fan_in}}\n"
            f"rules: {{horizon: {horizon}}}\n"
            f"base: {{width: {b.width}, depth: {b.depth}, batch: {b.batch}, steps: {b.steps}}}\n"
            f"ladder: {{steps: [{b.steps}]}}\ntarget: {{steps: {16 * b.steps}}}\n"
            "search: {space: {lr: {log2: [-9, -3]}}}\n"
        ).recipe


def row(
    name: str,
    model: str,
    optimizer: str,
    schedule: str,
    base: tuple[int, int, int, int],
    rates: tuple[int, int],
    growth: Growth = "steps",
) -> HorizonRecipe:
    return HorizonRecipe(name, model, optimizer, schedule, Size(*base), growth, RATIOS, rates)


TOKENS: Growth = "batch at equal tokens"
STEPS: Growth = "batch at equal steps"
# base: width, depth, examples per step, steps
RECIPES = (
    row("mlp linear", MLP, ADAMW, "linear", (32, 2, 32, 200), (-10, -2)),
    row("mlp constant", MLP, ADAMW, "constant", (32, 2, 32, 200), (-10, -2)),
    row("regression cosine", REGRESSION, ADAMW, "cosine", (32, 2, 64, 200), (-10, -2)),
    row("digits wsd, decay", NOISY_DIGITS, DECAY, "wsd", (32, 2, 64, 100), (-10, -2)),
    row("convnet cosine", CONVNET, ADAMW, "cosine", (8, 1, 16, 50), (-9, -1)),
    row("gpt linear", GPT, ADAMW, "linear", (16, 1, 8, 50), (-9, -3)),
    row("mlp batch", MLP, ADAMW, "linear", (32, 2, 16, 1600), (-11, -2), TOKENS),
    row("mlp batch, constant", MLP, ADAMW, "constant", (32, 2, 16, 1600), (-11, -2), TOKENS),
    row("regression batch", BATCH_REGRESSION, ADAMW, "cosine", (32, 2, 8, 1600), (-12, -2), TOKENS),
    row(
        "digits batch, wsd, decay", BATCH_DIGITS, DECAY, "wsd", (32, 2, 8, 1600), (-12, -2), TOKENS
    ),
    row("digits batch, wsd", BATCH_DIGITS, ADAMW, "wsd", (32, 2, 8, 1600), (-11, -3), TOKENS),
    row("gpt batch", GPT, ADAMW, "linear", (16, 1, 2, 800), (-11, -3), TOKENS),
    row("llama batch", LLAMA, ADAMW, "cosine", (16, 1, 2, 640), (-11, -3), TOKENS),
    row("convnet batch", BATCH_CONVNET, ADAMW, "cosine", (8, 1, 4, 800), (-11, -2), TOKENS),
    row("mlp batch, steps", MLP, ADAMW, "linear", (32, 2, 16, 200), (-10, -2), STEPS),
    row("llama cosine", LLAMA, ADAMW, "cosine", (16, 1, 8, 40), (-9, -3)),
)
