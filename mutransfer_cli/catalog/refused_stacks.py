"""Stacks for which no configuration is written, with the reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedStack:
    """A stack for which no configuration is written.

    Attributes:
        name: Name, as a user would type it.
        reason: Why it is refused.
        instead: Formats to use instead, the closest first.
        aliases: Other names that a user may try.
    """

    name: str
    reason: str
    instead: tuple[str, ...]
    aliases: tuple[str, ...] = ()


REFUSED_STACKS = (
    RefusedStack(
        name="gpt-neox",
        reason="its use-mup is broken at HEAD: mup_attn_temp and mup_output_temp are never read, "
        "and the hidden learning rate is not scaled (issues 956, 1087)",
        instead=("megatron", "torch"),
        aliases=("gptneox", "neox"),
    ),
    RefusedStack(
        name="litgpt",
        reason="it has one parameter group, sets one learning rate for all tensors, and its init "
        "is fixed in the code",
        instead=("torch", "lightning"),
    ),
    RefusedStack(
        name="llm.c",
        reason="gpt2_update has one learning rate for all tensors and its init is fixed in the "
        "code (train_gpt2.cu): the numbers for a patch are rows of json; in Python it is nanoGPT",
        instead=("nanogpt-mup", "json"),
        aliases=("llmc", "llm-c"),
    ),
    RefusedStack(
        name="maxtext",
        reason="it has no muP and no learning rate per parameter",
        instead=("torchtitan", "json"),
    ),
    RefusedStack(
        name="torchtune",
        reason="the project is frozen and has one learning rate",
        instead=("torchtitan", "hf"),
    ),
    RefusedStack(
        name="levanter",
        reason="its muP was backed out (1247), and its optimizers, AdamH and MuonH too, have one "
        "rate for all matrices, the readout among them (marin-levanter 0.2.227); they are optax's",
        instead=("optax", "torchtitan"),
        aliases=("marin", "marin-levanter"),
    ),
    RefusedStack(
        name="fairseq2",
        reason="its parameter groups (0.8.1) hold rates, decays and epsilons, but its Llama has "
        "one init_std and no multipliers; call the functions of the file for torch in a recipe",
        instead=("torch", "hf"),
    ),
    RefusedStack(
        name="axolotl",
        reason="its groups share one weight decay and epsilon and never initialize: embedding and "
        "head are one group without decay; use Trainer",
        instead=("hf-granite", "hf"),
    ),
    RefusedStack(
        name="lingua",
        reason="it has a base std for init and nothing per tensor",
        instead=("torchtitan", "torch"),
    ),
    RefusedStack(
        name="nemo",
        reason="muP of the old NeMo was superseded by Megatron-Bridge",
        instead=("megatron", "automodel"),
    ),
    *(
        RefusedStack(
            name=name,
            reason="no file is written for trainers of adapters: the rates of their matrices A and "
            "B at your width and rank are rows of json (docs/finetuning.md)",
            instead=("json",),
            aliases=aliases,
        )
        for name, aliases in (
            ("llama-factory", ("llamafactory", "llama_factory")),
            ("ms-swift", ("swift",)),
            ("unsloth", ()),
            ("sd-scripts", ("sd_scripts", "kohya")),
            ("onetrainer", ()),
        )
    ),
    *(
        RefusedStack(
            name=name,
            reason="no file is written for it: give its training script the init, groups and "
            "schedule of torch's file",
            instead=("torch",),
            aliases=aliases,
        )
        for name, aliases in (
            ("open_clip", ("openclip", "open-clip")),
            ("timm", ("pytorch-image-models",)),
            ("picotron", ()),
            ("open_lm", ("openlm", "open-lm")),
        )
    ),
)
