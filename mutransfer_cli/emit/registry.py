"""The formats of `mutransfer scale`, and for others the nearest thing that works."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from mutransfer_cli.errors import InputError

if TYPE_CHECKING:
    from mutransfer_cli.emit.core.interface import Stack


@dataclass(frozen=True, slots=True)
class Format:
    """A module of this room with a `STACK`, and a line for the user."""

    module: str
    help: str
    suffix: str = ".py"  # of the main file
    files: str = ""  # what `-o FOLDER` writes, where it is more than one file


FORMATS: dict[str, Format] = {
    "json": Format("json", "the whole plan, a line a tensor; load_plan reads it", ".json"),
    "torch": Format("torch", "a Python file: init, param groups, multipliers; torch alone"),
    "lightning": Format("lightning", "a Python file: a callback and configure_optimizers"),
    "hf": Format(
        "hf", "any hf:TYPE: its config, an init function, an optimizer for Trainer",
        files="config.json, mutransfer_hf.py",
    ),
    "hf-granite": Format(
        "hf_granite", "Granite, whose config has every multiplier, and an optimizer for Trainer",
        files="config.json, mutransfer_granite.py",
    ),
    "nanogpt-mup": Format("nanogpt", "config of EleutherAI/nanoGPT-mup (for depth its branch)"),
    "nanogpt-completep": Format("nanogpt", "the same for its branch completep at any depth"),
    "megatron": Format("megatron", "arguments for Megatron-LM core 0.17 or later", ".sh"),
    "cerebras": Format("cerebras", "YAML for Cerebras modelzoo 2.3 or later", ".yaml"),
    "torchtitan": Format("torchtitan", "a Python recipe for torchtitan's llama3, untied"),
    "lm-engine": Format("lm_engine", "YAML for open-lm-engine/lm-engine", ".yaml"),
    "automodel": Format(
        "automodel", "YAML for NeMo Automodel, with a Granite config", ".yaml",
        files="automodel.yaml, config.json",
    ),
    "bsh": Format("bsh", "base shapes of the mup package; numbers as comments", ".bsh"),
}  # fmt: skip

# Why not, and the nearest thing that works.
REFUSED = {
    "gpt-neox": "its use-mup is broken at HEAD: mup_attn_temp and mup_output_temp are never read, "
    "the hidden learning rate is not scaled (issues 956, 1087); take megatron, or torch",
    "litgpt": "it has one parameter group, sets one learning rate for all, and its init is fixed "
    "in the code; take torch, or lightning in a script of your own",
    "maxtext": "it has no muP and no learning rate per parameter; take torchtitan, or json",
    "torchtune": "the project is frozen and has one learning rate; take torchtitan, or hf",
    "levanter": "its muP was backed out (1247) and never merged again (1231); take torchtitan",
    "axolotl": "its groups share one weight decay and epsilon and never initialise: embedding and "
    "head are one group without decay; take hf-granite or hf with Trainer",
    "lingua": "it has a base std for init and nothing per tensor; take torchtitan, or torch",
    "nemo": "muP of the old NeMo was superseded by Megatron-Bridge; take megatron or automodel",
}


def require(name: str) -> None:
    """InputError for a format that there is not, with the nearest thing that works."""
    plain = name.lower().replace("_", "-")
    plain = {"gptneox": "gpt-neox", "neox": "gpt-neox", "granite": "hf-granite"}.get(plain, plain)
    if plain in REFUSED:
        raise InputError(f"--format {name}: refused: {REFUSED[plain]}")
    if name not in FORMATS:
        from difflib import get_close_matches

        near = get_close_matches(plain, FORMATS, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise InputError(f"--format {name}: {hint}available: {', '.join(FORMATS)}")


def stack_of(name: str) -> Stack:
    """The stack of a format."""
    found: Stack = import_module(f"mutransfer_cli.emit.stacks.{FORMATS[name].module}").STACK
    return found


def help_text() -> str:
    """All formats for `--help`."""
    listed = "; ".join(f"{name}: {f.help}" for name, f in FORMATS.items())
    return f"{listed}. Refused, with the reason: {', '.join(REFUSED)}"
