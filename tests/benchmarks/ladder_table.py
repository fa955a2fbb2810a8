"""The ladders whose largest rungs are forecast: each is a recipe and what differs from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size, rungs

RECIPES = Path(__file__).parents[2] / "recipes" / "ladders"

FIVE = ("base.width=48", "ladder.width=[12, 24, 48, 96, 192]", "search.budget.trials=320")
WIDE = (
    "base={width: 256, depth: 2, batch: 16, steps: 300}",
    "model.args={head_dim: 32}",
    "data.seq_len=64",
    "ladder.width=[64, 128, 256, 512, 1024]",
    "target={width: 4096}",
    "search.space={lr: {log2: [-12, -4], step: 1.0}}",
)
LR = "lr: {log2: [-10, -2]}"
DECAY = "weight_decay: {log2: [-3, 5]}"
INIT = "init_std: {log2: [-6, 0]}"
LOGIT = "logit_multiplier: {log2: [-4, 4]}"
EMBEDDING = "embedding_std: {log2: [-7, 1]}"


@dataclass(frozen=True)
class Ladder:
    """A ladder.

    Attributes:
        name: Its name, and that of its table.
        recipe: Name of the recipe in recipes/ladders.
        sets: What differs from the recipe, as for --set.
        diagonal: Of the product of two axes, only the rungs where both grow together.
    """

    name: str
    recipe: str
    sets: tuple[str, ...] = ()
    diagonal: bool = False

    def load(self) -> Recipe:
        """The recipe of this ladder."""
        return load(RECIPES / f"{self.recipe}.yaml", [f"name={self.name}", *self.sets]).recipe

    def rungs(self, recipe: Recipe) -> tuple[Size, ...]:
        """Its rungs, in the order of the FLOPs of a trial up to a factor of the model."""
        sizes = rungs(recipe)
        if self.diagonal:
            values = {
                name: sorted({s.as_dict()[name] for s in sizes}) for name in sizes[0].as_dict()
            }
            grown = {name: v for name, v in values.items() if len(v) > 1}
            sizes = tuple(
                s
                for s in sizes
                if len({v.index(s.as_dict()[name]) for name, v in grown.items()}) == 1
            )
        return tuple(sorted(sizes, key=cost))


def cost(size: Size) -> float:
    """FLOPs of a trial up to a constant, for a dense model much wider than its inputs."""
    return float(size.width**2 * size.depth * size.batch * size.steps)


def space(*entries: str) -> str:
    """--set for a search space."""
    return "search.space={" + ", ".join(entries) + "}"


def sobol(trials: int) -> tuple[str, str, str]:
    """--set for Sobol settings with two seeds; trials over all rungs."""
    return ("search.sampler=sobol", "search.seeds=2", f"search.budget.trials={trials}")


SP = "parameterization=sp"
LADDERS = (
    # one hyperparameter, width
    Ladder("mlp-mup-adamw", "mlp-teacher"),
    Ladder("mlp-sp-adamw", "mlp-teacher", (SP, space("lr: {log2: [-12, -3], step: 1.0}"))),
    Ladder(
        "mlp-mup-sgd",
        "mlp-teacher",
        (
            "optimizer={name: sgd, lr: 0.125, momentum: 0.9}",
            space("lr: {log2: [-7, 1], step: 1.0}"),
        ),
    ),
    Ladder(
        "mlp-sp-sgd",
        "mlp-teacher",
        (SP, "optimizer={name: sgd, lr: 0.125}", space("lr: {log2: [-5, 2], step: 1.0}")),
    ),
    Ladder(
        "mlp-mup-lion",
        "mlp-teacher",
        (
            "optimizer={name: lion, lr: 0.002, betas: [0.9, 0.99], weight_decay: 0.0}",
            space("lr: {log2: [-14, -6], step: 1.0}"),
        ),
    ),
    Ladder(
        "mlp-mup-muon",
        "mlp-teacher",
        (
            "optimizer={name: muon, lr: 0.03, weight_decay: 0.0}",
            "ladder.width=[16, 32, 64, 128]",
            space("lr: {log2: [-9, -1], step: 1.0}"),
        ),
    ),
    Ladder(
        "digits-mup-half-octaves",
        "mlp-digits",
        (
            "search.sampler=grid",
            "search.budget.trials=null",
            space("lr: {log2: [-9.5, -3], step: 0.5}"),
        ),
    ),
    Ladder("convnet-mup", "convnet-digits"),
    Ladder("regression-mup", "regression"),
    Ladder("gpt-mup", "gpt-stdlib"),
    Ladder("gpt-sp", "gpt-stdlib", (SP,)),
    # one hyperparameter, widths for a GPU
    Ladder("gpt-mup-wide", "gpt-stdlib", WIDE),
    Ladder("gpt-sp-wide", "gpt-stdlib", (SP, *WIDE)),
    # one hyperparameter, other axes
    Ladder(
        "mlp-mup-steps",
        "mlp-teacher",
        ("ladder={steps: [50, 100, 200, 400, 800]}", "target={steps: 3200}"),
    ),
    Ladder(
        "mlp-sp-steps-no-horizon",
        "mlp-teacher",
        (
            SP,
            "rules.horizon=none",
            "ladder={steps: [50, 100, 200, 400, 800]}",
            "target={steps: 3200}",
            space("lr: {log2: [-12, -3], step: 1.0}"),
        ),
    ),
    Ladder(
        "mlp-mup-batch",
        "mlp-teacher",
        (
            "base.steps=200",
            "base.batch=32",
            "ladder={batch: [16, 32, 64, 128, 256], steps: []}",
            "target={batch: 512}",
        ),
    ),
    Ladder(
        "regression-sgd-steps",
        "regression",
        (
            "optimizer={name: sgd, lr: 0.125, momentum: 0.9}",
            "ladder={steps: [50, 100, 200, 400, 800]}",
            "target={steps: 3200}",
            space("lr: {log2: [-8, 0], step: 1.0}"),
        ),
    ),
    Ladder(
        "convnet-completep-depth",
        "convnet-digits",
        (
            "parameterization=completep",
            "base.depth=2",
            "ladder={depth: [1, 2, 4, 6]}",
            "target={depth: 24}",
            "base.width=8",
        ),
    ),
    Ladder(
        "gpt-completep-depth",
        "gpt-stdlib",
        (
            "parameterization=completep",
            "base.depth=2",
            "ladder={depth: [1, 2, 3, 4]}",
            "target={depth: 24}",
        ),
    ),
    # one hyperparameter, two axes
    Ladder(
        "mlp-mup-width-steps",
        "mlp-teacher",
        (
            "base={width: 16, depth: 2, batch: 32, steps: 50}",
            "ladder={width: [32, 64, 128, 256], steps: [100, 200, 400, 800], product: true}",
            "target={width: 1024, steps: 3200}",
        ),
        diagonal=True,
    ),
    Ladder(
        "mlp-mup-width-by-batch",
        "mlp-teacher",
        (
            "base={width: 32, depth: 2, batch: 32, steps: 200}",
            "ladder={width: [64, 128], batch: [64, 128], steps: [], product: true}",
            "target={width: 512, batch: 256}",
        ),
    ),
    Ladder(
        "gpt-mup-width-steps",
        "gpt-stdlib",
        (
            "base={width: 16, depth: 1, batch: 8, steps: 60}",
            "ladder={width: [24, 32, 48, 64], steps: [85, 120, 170, 240], product: true}",
            "target={width: 256, steps: 960}",
        ),
        diagonal=True,
    ),
    # two hyperparameters
    Ladder("digits-mup-decay", "mlp-digits", FIVE),
    Ladder("mlp-mup-init", "mlp-teacher", (space(LR, INIT), *sobol(320), *FIVE)),
    Ladder(
        "mlp-sp-logit",
        "mlp-teacher",
        (SP, space("lr: {log2: [-12, -4]}", LOGIT), *sobol(320), *FIVE),
    ),
    Ladder(
        "gpt-mup-embedding",
        "gpt-stdlib",
        (space("lr: {log2: [-9, -2]}", EMBEDDING), *sobol(192), "ladder.width=[16, 24, 32, 48]"),
    ),
    Ladder(
        "regression-sp-init",
        "regression",
        (SP, space("lr: {log2: [-11, -3]}", INIT), *sobol(320), *FIVE),
    ),
    # three and four
    Ladder("digits-mup-decay-logit", "mlp-digits", (space(LR, DECAY, LOGIT), *sobol(320))),
    Ladder(
        "regression-mup-logit-init",
        "regression",
        (space(LR, INIT, LOGIT), *sobol(320)),
    ),
    Ladder("digits-mup-four", "mlp-digits", (space(LR, DECAY, INIT, LOGIT), *sobol(400))),
    Ladder(
        "mlp-sp-four-steps",
        "mlp-teacher",
        (
            SP,
            "ladder={steps: [50, 100, 200, 400]}",
            "target={steps: 1600}",
            space("lr: {log2: [-12, -4]}", "weight_decay: {log2: [-5, 5]}", INIT, LOGIT),
            *sobol(400),
        ),
    ),
)
