"""The row of a target stack in the catalog."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mutransfer_cli.catalog.registry import Entry
from mutransfer_cli.catalog.stack_versions import UNKNOWN_VERSIONS, StackVersions


@dataclass(frozen=True, slots=True, kw_only=True)
class StackEntry(Entry):
    """A row for a target stack, with what the stack can express of a plan.

    Attributes:
        files: Names of the files, the main one first.
        versions: The versions that the format was tried with.
        aliases: Other names that a user may try; the error message suggests this format.
        is_document: Whether the file is the document of `scale --json` itself.
        models: The models it supports: any, only those of transformers, or only decoders.
        optimizers: Names of the optimizers it supports; None: all.
        torch_optimizers: Whether it supports only torch's own optimizers.
        parameterizations: Names of the parameterizations it can express; None: all.
        unit_scaling: Whether it can express plans for unit-scaled modules.
        absorbed_readout: Whether it supports a readout without a multiplier.
        tied: Whether embedding and readout may be tied, always are, or never are.
        gpt2_only: Whether it supports only decoders with learned positions, LayerNorm and a plain
            MLP of four times the width.
        dtype: Precision in which the stack trains with this file; empty: that of the user's own
            model or program.
        dropout: What becomes of the proxies' dropout: kept, off, or kept in attention alone.
        biases: Which linear layers may have biases: each; all of them or none; the same, or only
            those of queries, keys and values; or none.
        rope_types: The `rope_type` of rescaled rotary frequencies that the file can set, beside
            default; None: any.
        activations: Activations of the feed-forward layer that the file sets, by Hugging Face's
            names; None: all.
        limits: What the stack's classes ask of the sizes, by the names of
            `emit/limits/size_limits.py`.
        residual_multiplier: Whether it multiplies residual branches, or its init, rate and decay
            can absorb the multiplier.
        schedules: Names of the learning-rate schedules it supports; None: all.
        warmup: The rates of a warmup of W steps, as shares of the peak: planned: 1/W at the first
            step, 1 at the last; zero: the stack starts at 0, so that each step has the rate that
            was planned for the step before.
        schedule_source: Where the stack's schedule was read, with version or commit and date;
            empty where the file itself holds the schedule.
    """

    files: tuple[str, ...]
    versions: StackVersions = UNKNOWN_VERSIONS
    aliases: tuple[str, ...] = ()
    is_document: bool = False
    models: Literal["any", "transformers", "decoders"] = "any"
    optimizers: tuple[str, ...] | None = None
    torch_optimizers: bool = False
    parameterizations: tuple[str, ...] | None = None
    unit_scaling: bool = False
    absorbed_readout: bool = True
    tied: Literal["either", "always", "never"] = "either"
    gpt2_only: bool = False
    dtype: str = ""
    dropout: Literal["kept", "attention", "off"] = "kept"
    biases: Literal["each", "all-or-none", "all-qkv-or-none", "none"] = "each"
    rope_types: tuple[str, ...] | None = None
    activations: tuple[str, ...] | None = None
    limits: tuple[str, ...] = ()
    residual_multiplier: bool = True
    schedules: tuple[str, ...] | None = None
    warmup: Literal["planned", "zero"] = "planned"
    schedule_source: str = ""
