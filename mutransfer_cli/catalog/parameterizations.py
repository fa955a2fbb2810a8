"""Parameterizations: rule tables for init, multipliers and learning rates."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.catalog.registry import Entry, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterizationEntry(Entry):
    """A row for a parameterization.

    The implementation is a `parameterization.protocol.Parameterization`.

    Attributes:
        depth_rules: Whether it has rules for growing depth.
        depth_exponent: Whether `rules.depth_alpha` is the exponent of its residual branches.
        alignment: Whether it has several tables, among which `rules.alignment` chooses.
        unit_scaled: Whether it trains only models that can be unit-scaled, which hold all
            multipliers as numbers.
        standard: Whether it is what training stacks do without any muP option: they then scale
            nothing by the width, apart from their usual init.
        limits: The sizes along which training tends to a limit, so that optima settle.
    """

    depth_rules: bool = False
    depth_exponent: bool = False
    alignment: bool = True
    unit_scaled: bool = False
    standard: bool = False
    limits: tuple[str, ...] = ()


PARAMETERIZATIONS = Registry(
    "parameterizations",
    ParameterizationEntry,
    [
        ParameterizationEntry(
            name="mup",
            summary="maximal update parameterization (Tensor Programs V, Table 8)",
            implementation="mutransfer_cli.parameterization.mup:MUP",
            limits=("width",),
        ),
        ParameterizationEntry(
            name="sp",
            summary="standard parameterization",
            implementation="mutransfer_cli.parameterization.sp:SP",
            standard=True,
        ),
        ParameterizationEntry(
            name="ntk",
            summary="neural tangent parameterization",
            implementation="mutransfer_cli.parameterization.ntk:NTK",
            limits=("width",),
        ),
        ParameterizationEntry(
            name="mean-field",
            summary="mean-field parameterization",
            implementation="mutransfer_cli.parameterization.mean_field:MEAN_FIELD",
            limits=("width",),
        ),
        ParameterizationEntry(
            name="umup",
            summary="unit-scaled muP",
            implementation="mutransfer_cli.parameterization.umup:UMUP",
            limits=("width",),
            depth_rules=True,
            alignment=False,
            unit_scaled=True,
        ),
        ParameterizationEntry(
            name="completep",
            summary="muP with depth rules (CompleteP)",
            implementation="mutransfer_cli.parameterization.completep:COMPLETEP",
            limits=("width", "depth"),
            depth_rules=True,
            depth_exponent=True,
            alignment=False,
        ),
    ],
)
