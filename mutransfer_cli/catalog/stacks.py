"""Target stacks: the formats that `mutransfer scale` writes, and those that it refuses."""

from __future__ import annotations

from mutransfer_cli.catalog import tried_versions
from mutransfer_cli.catalog.refused_stacks import REFUSED_STACKS
from mutransfer_cli.catalog.registry import Registry
from mutransfer_cli.catalog.stack_entry import StackEntry
from mutransfer_cli.errors import InputError

ADAM = ("adamw", "adam")
GELU_SILU = ("gelu", "silu")
STACKS = Registry(
    "stacks",
    StackEntry,
    [
        StackEntry(
            name="json",
            summary="the complete plan, one entry per tensor, which load_plan reads",
            implementation="mutransfer_cli.emit.stacks.json:STACK",
            files=("plan.json",),
            is_document=True,
            unit_scaling=True,
        ),
        StackEntry(
            name="torch",
            summary="a Python file (init, param groups, multipliers) that needs torch alone",
            implementation="mutransfer_cli.emit.stacks.torch:STACK",
            files=("mutransfer_plan.py",),
            torch_optimizers=True,
            versions=tried_versions.TORCH,
        ),
        StackEntry(
            name="lightning",
            summary="a Python file with a callback and configure_optimizers",
            implementation="mutransfer_cli.emit.stacks.lightning:STACK",
            files=("mutransfer_lightning.py",),
            torch_optimizers=True,
            versions=tried_versions.LIGHTNING,
        ),
        StackEntry(
            name="optax",
            summary="a Python file for JAX: labels and a transformation for each group",
            implementation="mutransfer_cli.emit.stacks.optax:STACK",
            files=("mutransfer_optax.py",),
            aliases=("jax", "flax"),
            optimizers=(*ADAM, "lion", "sgd", "muon", "adamh", "muonh"),
            versions=tried_versions.OPTAX,
        ),
        StackEntry(
            name="hf",
            summary="for any hf:TYPE, its config, an init function, an optimizer for Trainer",
            implementation="mutransfer_cli.emit.stacks.hf:STACK",
            files=("mutransfer_hf.py", "config.json"),
            aliases=("transformers", "huggingface"),
            models="transformers",
            torch_optimizers=True,
            dtype="float32",
            versions=tried_versions.TRANSFORMERS,
        ),
        StackEntry(
            name="hf-granite",
            summary="Granite, whose config has every multiplier, and an optimizer for Trainer",
            implementation="mutransfer_cli.emit.stacks.hf_granite:STACK",
            files=("mutransfer_granite.py", "config.json"),
            aliases=("granite",),
            models="decoders",
            optimizers=ADAM,
            dtype="float32",
            dropout="attention",
            limits=("groups-divide-heads", "heads-rotate"),
            versions=tried_versions.TRANSFORMERS,
        ),
        StackEntry(
            name="nanogpt-mup",
            summary="config of EleutherAI/nanoGPT-mup (branch completep where the depth changes)",
            implementation="mutransfer_cli.emit.stacks.nanogpt:STACK",
            files=("nanogpt.py",),
            aliases=("nanogpt",),
            models="decoders",
            optimizers=ADAM,
            parameterizations=("mup", "completep"),
            tied="always",
            gpt2_only=True,
            schedules=("cosine", "constant"),
            warmup="zero",
            schedule_source="train.py, get_lr, as read in November 2026",
            dtype="float32",
            dropout="off",
            biases="all-or-none",
            activations=("gelu",),
            limits=("heads-fill-width", "vocabulary-in-uint16"),
            versions=tried_versions.NANOGPT,
        ),
        StackEntry(
            name="nanogpt-completep",
            summary="the same for its branch completep at any depth",
            implementation="mutransfer_cli.emit.stacks.nanogpt:COMPLETEP_STACK",
            files=("nanogpt.py",),
            models="decoders",
            optimizers=ADAM,
            parameterizations=("mup", "completep"),
            tied="always",
            gpt2_only=True,
            schedules=("cosine", "constant"),
            warmup="zero",
            schedule_source="train.py, get_lr, as read in November 2026",
            dtype="float32",
            dropout="off",
            biases="all-or-none",
            activations=("gelu",),
            limits=("heads-fill-width", "vocabulary-in-uint16"),
            versions=tried_versions.NANOGPT_COMPLETEP,
        ),
        StackEntry(
            name="megatron",
            summary="arguments for Megatron-LM and Megatron-Bridge",
            implementation="mutransfer_cli.emit.stacks.megatron:STACK",
            files=("megatron.sh",),
            aliases=("megatron-lm", "megatron-bridge"),
            models="decoders",
            optimizers=(*ADAM, "muon"),
            parameterizations=("mup", "completep", "sp"),
            residual_multiplier=False,
            warmup="zero",
            schedule_source="megatron-core 0.19.0, core/optimizer_param_scheduler.py (November "
            "2026); a start above 0 would be the same rate for all groups",
            dtype="float32",
            dropout="off",
            biases="all-qkv-or-none",
            rope_types=("llama3",),
            activations=GELU_SILU,
            limits=("groups-divide-heads", "decay-follows-warmup"),
            versions=tried_versions.MEGATRON,
        ),
        StackEntry(
            name="cerebras",
            summary="YAML for Cerebras modelzoo",
            implementation="mutransfer_cli.emit.stacks.cerebras:STACK",
            files=("cerebras.yaml",),
            aliases=("modelzoo",),
            models="decoders",
            optimizers=ADAM,
            parameterizations=("mup", "completep", "sp"),
            residual_multiplier=False,
            schedule_source="cerebras_pytorch 2.10.0, optim/scheduler.py (November 2026)",
            dtype="mixed precision in float16",
            dropout="off",
            biases="all-or-none",
            rope_types=(),
            activations=GELU_SILU,
            limits=("heads-fill-width", "groups-divide-heads", "vocabulary-of-512000"),
            versions=tried_versions.CEREBRAS,
        ),
        StackEntry(
            name="torchtitan",
            summary="a Python recipe for torchtitan's llama3, untied",
            implementation="mutransfer_cli.emit.stacks.torchtitan:STACK",
            files=("mutransfer_torchtitan.py",),
            aliases=("titan",),
            models="decoders",
            optimizers=(*ADAM, "muon"),
            tied="never",
            schedule_source="torchtitan 0.3.0, components/optimizer/lr_scheduler.py (November "
            "2026)",
            dtype="float32",
            dropout="off",
            biases="none",
            rope_types=("llama3",),
            activations=("silu",),
            limits=("groups-divide-heads", "heads-rotate"),
            versions=tried_versions.TORCHTITAN,
        ),
        StackEntry(
            name="lm-engine",
            summary="YAML for open-lm-engine/lm-engine",
            implementation="mutransfer_cli.emit.stacks.lm_engine:STACK",
            files=("lm_engine.yaml",),
            models="decoders",
            optimizers=ADAM,
            parameterizations=("mup", "completep"),
            warmup="zero",
            schedule_source="commit af69190, optimization/lr_scheduler.py, as read in November "
            "2026",
            dtype="float32",
            dropout="off",
            biases="all-or-none",
            rope_types=(),
            activations=("gelu", "gelu_new", "gelu_pytorch_tanh", "silu"),
            limits=("heads-fill-width", "groups-divide-heads"),
            versions=tried_versions.LM_ENGINE,
        ),
        StackEntry(
            name="automodel",
            summary="YAML for NeMo Automodel, with a Granite config",
            implementation="mutransfer_cli.emit.stacks.automodel:STACK",
            files=("automodel.yaml", "config.json"),
            aliases=("nemo-automodel",),
            models="decoders",
            optimizers=ADAM,
            schedule_source="nemo-automodel 0.7.0, components/optim/scheduler.py (November 2026)",
            dtype="weights in float32, computed in bfloat16",
            dropout="attention",
            limits=("groups-divide-heads", "heads-rotate"),
            versions=tried_versions.AUTOMODEL,
        ),
        StackEntry(
            name="bsh",
            summary="base shapes of the mup package, with the other numbers as comments",
            implementation="mutransfer_cli.emit.stacks.bsh:STACK",
            files=("base.bsh",),
            aliases=("mup", "base-shapes"),
            optimizers=ADAM,
            parameterizations=("mup",),
            absorbed_readout=False,
            versions=tried_versions.MUP,
        ),
    ],
)
DEFAULT_STACK = "json"
BY_HAND = (
    "a stack without a format takes the init, groups and schedule of torch's file, or by hand the "
    "numbers of each tensor in json (docs/formats.md#a-stack-that-is-not-listed)"
)


def require_stack(name: str) -> StackEntry:
    """The row of a format.

    Raises:
        InputError: There is no such format, or it is refused; the message names alternatives.
    """
    if name in STACKS:
        return STACKS[name]
    normal = name.lower().replace("_", "-")
    for refused in REFUSED_STACKS:
        if normal in (refused.name, *refused.aliases):
            instead = [other for other in refused.instead if other in STACKS]
            hint = f"; use {' or '.join(instead)}" if instead else ""
            raise InputError(f"--format {name}: refused: {refused.reason}{hint}")
    for entry in STACKS:
        if normal in (entry.name, *entry.aliases):
            raise InputError(f"--format {name}: did you mean '{entry.name}'?")
    unknown = STACKS.unknown(name)
    by_hand = "" if "did you mean" in unknown else f"; {BY_HAND}"
    raise InputError(f"--format {name}: {unknown}{by_hand}")
