"""The multiplier of the last readouts: its power, and whether hooks can install it."""

from __future__ import annotations

import logging
from dataclasses import replace

from mutransfer_cli.parameterization.plan_config import PlanConfig
from mutransfer_cli.parameterization.protocol import Parameterization
from mutransfer_cli.parameterization.rows.powers import Power
from mutransfer_cli.tracing.family import Family
from mutransfer_cli.tracing.roles import Use
from mutransfer_cli.tracing.tensor_shape import TensorShape

log = logging.getLogger(__name__)


def readout_power(
    tensor: TensorShape, config: PlanConfig, parameterization: Parameterization
) -> Power:
    """The power of its fan-in by which the rules multiply a readout.

    Args:
        tensor: The readout.
        config: Hyperparameters and rules at the base.
        parameterization: The parameterization that the config names.
    """
    if tensor.role == "tied":
        return parameterization.tied_logits
    return parameterization.row("readout", config.readout).multiplier


def model_power(tensor: TensorShape, family: Family, config: PlanConfig) -> float:
    """The power by which the model multiplies a readout, unless its own numbers count it."""
    absorbed = config.readout == "absorbed" and tensor.role != "tied"
    return 0.0 if absorbed else family.scale_powers.get(tensor.name, 0.0)


def readout_uses(family: Family) -> list[tuple[TensorShape, Use]]:
    """The uses of the last readouts as matrices."""
    final = family.final_readouts
    readouts = [t for t in family.tensors if t.name in final]
    return [(t, u) for t in readouts for u in t.uses if u.kind in {"matrix", "convolution"}]


def unreachable_readouts(family: Family) -> list[str]:
    """The last readouts whose input no hook can multiply without multiplying another's.

    A hook acts on the whole input of a module, so nothing but readouts may read it.
    """
    final = family.final_readouts
    return [
        t.name
        for t, u in readout_uses(family)
        if not u.whole_input or any(not final & names for names in family.readers[u.module])
    ]


def possible_form(
    family: Family, config: PlanConfig, parameterization: Parameterization
) -> PlanConfig:
    """The config, with the readouts' multiplier absorbed where it has to be.

    If no hook can install the multiplier, as for a parameter that `einsum` or `bilinear` reads,
    init and learning rate absorb it, which is the same training (abc-symmetry). So they do if the
    model multiplies its logits by another power of the width and has no attribute for the rest.

    Args:
        family: The traced model.
        config: Hyperparameters and rules at the base.
        parameterization: The parameterization that the config names.
    """
    final = family.final_readouts
    readouts = [t for t in family.tensors if t.name in final]
    rest = {
        readout_power(t, config, parameterization).fan_in - model_power(t, family, config)
        for t in readouts
    }
    installable = len(rest) == 1 and (rest == {0.0} or not unreachable_readouts(family))
    fixed = family.tied or "logit_scale" in family.knobs or parameterization.unit_scaled
    if not readouts or installable or fixed or config.logit_multiplier != 1.0:
        return config
    log.info("the readouts' multiplier is absorbed into their init and learning rate")
    return replace(config, readout="absorbed")
