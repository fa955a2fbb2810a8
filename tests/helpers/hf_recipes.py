"""Recipes for Hugging Face models at sizes that a test can build."""

from __future__ import annotations

from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.schema.recipe import Recipe

IMAGE = "{head_dim: 16, image_size: 8, patch_size: 2, num_channels: 1}"
ARGS = {"mamba": "{}", "t5": "{d_kv: 16}", "vit": IMAGE}


def hf_recipe(kind: str, more: str = "", args: str | None = None) -> Recipe:
    """A recipe of base width 64 and one rung of 128.

    Args:
        kind: The type of the model, or the path of a config.json.
        more: Further lines.
        args: Its `model.args`; by default heads of 16, and what its type needs.
    """
    data = "digits" if kind == "vit" else "stdlib, seq_len: 16"
    given = args or ARGS.get(kind, "{head_dim: 16}")
    return loads(
        f"name: x\nmodel: {{build: 'hf:{kind}', args: {given}}}\ndata: {{source: {data}}}\n"
        f"base: {{width: 64, depth: 2, batch: 4, steps: 5}}\nladder: {{width: [128]}}\n{more}"
    ).recipe
