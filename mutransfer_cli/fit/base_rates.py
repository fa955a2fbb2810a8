"""Learning rates of tables that state the rate of the hidden matrices, quoted at the base."""

from __future__ import annotations

from mutransfer_cli.catalog.optimizers import OPTIMIZERS
from mutransfer_cli.errors import InputError, suggestion
from mutransfer_cli.optimizers.protocol import optimizer_spec
from mutransfer_cli.parameterization.protocol import parameterization_of
from mutransfer_cli.parameterization.rules.lr_rules import lr_rule

RAW_RATES = "mup"  # the parameterization by which raw rates are converted to rates at the base
LR_MEANINGS = ("base", "raw")


def check_rate_options(lr_is: str, optimizer: str) -> None:
    """Refuse unknown values of `--lr-is` and `--optimizer`.

    Raises:
        InputError: A value is unknown.
    """
    if lr_is not in LR_MEANINGS:
        hint = suggestion(lr_is, LR_MEANINGS)
        raise InputError(f"--lr-is {lr_is}: expected {' or '.join(LR_MEANINGS)}{hint}")
    if optimizer not in OPTIMIZERS:
        raise InputError(f"--optimizer: {OPTIMIZERS.unknown(optimizer)}")


def hidden_lr_factor(optimizer: str, multiplier: float) -> float:
    """The learning rate of hidden matrices divided by its value at the base.

    Args:
        optimizer: Name of the optimizer.
        multiplier: Width divided by base width.
    """
    parameterization = parameterization_of(RAW_RATES)
    row = parameterization.row("hidden")
    rule = lr_rule(parameterization, optimizer_spec(optimizer).geometry, "hidden", row)
    return rule.lr(multiplier, multiplier)
