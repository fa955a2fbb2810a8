"""The recipes that every stack's file is tried with.

A stack takes a recipe, declares what differs, or refuses it with the reason.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STEPS, BATCH, LENGTH, VOCABULARY = 20, 4, 8, 256

LLAMA = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": VOCABULARY,
    "max_position_embeddings": 32, "initializer_range": 0.02,
}  # fmt: skip

RECIPE = """
name: stacks
model: {build: 'BUILD', args: ARGS}
parameterization: PARAMETERIZATION
optimizer: OPTIMIZER
init: INIT
multipliers: MULTIPLIERS
lr_factors: FACTORS
clip: CLIP
schedule: SCHEDULE
data: {source: stdlib, seq_len: LENGTH}
base: {width: WIDTH, depth: 2, batch: BATCH, steps: STEPS}
"""
ADAMW = {"name": "adamw", "lr": 0.01, "betas": [0.9, 0.95], "eps": 1e-6, "weight_decay": 0.1}
ADAMH = {"name": "adamh", "lr": 0.01, "adamw_lr": 0.01, "betas": [0.9, 0.95], "eps": 1e-6}
MUONH = {"name": "muonh", "lr": 0.01, "adamw_lr": 0.01}
MUON = {"name": "muon", "lr": 0.02, "adamw_lr": 0.01, "weight_decay": 0.1}


@dataclass(frozen=True)
class StackCase:
    """A recipe and a target.

    Attributes:
        name: Name on the command line and in the table.
        model: Changes of the Llama config; None: the built-in gpt.
        args: Arguments of the built-in gpt.
        depth: Number of blocks of the target; the base has two.
        recipe: Values of the recipe that differ from the defaults.
        stacks: The stacks that it is tried in; empty: all.
    """

    name: str
    model: dict[str, Any] | None = None
    args: dict[str, Any] = field(default_factory=dict)
    depth: int = 2
    recipe: dict[str, Any] = field(default_factory=dict)
    stacks: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """The target's width: four times the base for the gpt, twice for Llama."""
        return 64 if self.model is None else 128

    def write(self, folder: Path) -> Path:
        """Write the recipe, and the config that it names, to a folder."""
        build, width = "gpt", 16
        args = {"vocab_size": VOCABULARY, "n_head": 2, **self.args}
        if self.model is not None:
            config = folder / "model.json"
            config.write_text(json.dumps({**LLAMA, **self.model}))
            build, width, args = f"hf:{config}", 64, {}
        values = {
            "BUILD": build,
            "ARGS": json.dumps(args),
            "PARAMETERIZATION": "mup",
            "OPTIMIZER": json.dumps(ADAMW),
            "MULTIPLIERS": json.dumps({"embedding": 4.0, "logit": 3.0}),
            "CLIP": "null",
            "INIT": "{}",
            "FACTORS": "{}",
            "SCHEDULE": json.dumps({"name": "cosine", "warmup": 0.2, "final": 0.1}),
            "LENGTH": str(LENGTH),
            "WIDTH": str(width),
            "BATCH": str(BATCH),
            "STEPS": str(STEPS),
        } | {k: v if isinstance(v, str) else json.dumps(v) for k, v in self.recipe.items()}
        text = RECIPE
        for key, value in values.items():
            text = text.replace(key, value)
        path = folder / "recipe.yaml"
        path.write_text(text)
        return path


CASES = (
    StackCase("llama", {}),
    StackCase("llama-tied", {"tie_word_embeddings": True}),
    StackCase("llama-completep", {}, depth=4, recipe={"PARAMETERIZATION": "completep"}),
    StackCase("llama-clip", {}, recipe={"CLIP": "0.5", "MULTIPLIERS": "{}"}),
    StackCase(
        "llama-no-decay",
        {},
        recipe={
            "OPTIMIZER": {**ADAMW, "weight_decay": 0.0, "eps": 1e-12},
            "SCHEDULE": {"name": "linear", "warmup": 0.1},
        },
    ),
    StackCase("llama-wsd", {}, recipe={"SCHEDULE": {"name": "wsd", "warmup": 0.2, "decay": 0.3}}),
    StackCase(
        "llama-patterns",
        {},
        recipe={
            "FACTORS": {"model.layers.1.self_attn.q_proj.weight": 0.5, "readout": 2.0},
            "INIT": {"from": "model", "zero": ["model.layers.*.self_attn.q_proj.weight"]},
        },
    ),
    StackCase("llama-muon", {}, recipe={"OPTIMIZER": MUON}),
    StackCase("gpt", args={"tied": False, "bias": True}),
    StackCase("gpt-tied", args={"tied": True, "bias": False}),
    StackCase("gpt-tied-heads", args={"tied": True, "bias": True, "n_head": None, "head_dim": 8}),
    StackCase(
        "gpt-completep-tied",
        args={"tied": True, "bias": False},
        depth=6,
        recipe={"PARAMETERIZATION": "completep"},
    ),
    StackCase(
        "gpt-completep-heads",
        args={"tied": True, "bias": True, "n_head": None, "head_dim": 8},
        depth=6,
        recipe={"PARAMETERIZATION": "completep"},
    ),
    StackCase("gpt-muon", args={"tied": False, "bias": False}, recipe={"OPTIMIZER": MUON}),
    # only optax has a file for these
    StackCase("llama-adamh", {}, recipe={"OPTIMIZER": ADAMH}, stacks=("optax",)),
    StackCase("llama-muonh", {}, recipe={"OPTIMIZER": MUONH}, stacks=("optax",)),
)
