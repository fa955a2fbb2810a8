"""The exponent in width of every quantity in the theory.

Measurements of these quantities are compared with these exponents.
"""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.optimizers.geometry import Geometry
from mutransfer_cli.parameterization.protocol import Parameterization
from mutransfer_cli.parameterization.rules.lr_rules import entry_size, is_spectral, lr_rule

AT_THE_OUTPUT = frozenset({"readout", "scalar"})


@dataclass(frozen=True, slots=True)
class Exponents:
    """Exponents of the width, assuming that all growing fans are proportional to it.

    Attributes:
        multiplier: Exponent of the forward multiplier.
        init: Exponent of the init standard deviation.
        lr: Exponent of the learning rate.
        gradient: Exponent of the entries of the loss's gradient with respect to the tensor.
        output_gradient: Exponent of the entries of the loss's gradient with respect to the output
            of the tensor's layer.
        update: Exponent of the entries of the update at learning rate 1, or of its spectral norm
            if the geometry is spectral.
        init_effect: Exponent of the layer's output at init, on an isotropic input of size 1.
        update_effect: Exponent of the change of the layer's output by the tensor's own update, on
            an input with which the update is aligned.
        logit_effect: For a tied tensor, the exponent of its effect on the logits as the readout;
            else `update_effect`.
    """

    multiplier: float
    init: float
    lr: float
    gradient: float
    output_gradient: float
    update: float
    init_effect: float
    update_effect: float
    logit_effect: float


def exponents(
    parameterization: Parameterization,
    geometry: Geometry,
    role: str,
    *,
    grows_in: bool,
    grows_out: bool,
    alignment: str | None = None,
    readout: str = "multiplier",
    tied: bool = False,
) -> Exponents:
    """The exponents of one tensor (Tensor Programs V, arXiv 2203.03466, appendix J).

    Effects are the same in every abc-equivalent form, so they do not depend on `readout`.

    Args:
        parameterization: The parameterization whose table applies.
        geometry: Geometry of the optimizer that trains the tensor.
        role: The tensor's role.
        grows_in: Whether a dimension that the tensor sums over grows.
        grows_out: Whether a dimension of the tensor's output grows.
        alignment: `rules.alignment`.
        readout: `rules.readout`: multiplier or absorbed.
        tied: Whether the model's readout is its embedding.
    """
    row = parameterization.row(role, readout)
    rule = lr_rule(parameterization, geometry, role, row, alignment=alignment, tied=tied)
    multiplier = row.multiplier.in_width(grows_in, grows_out)
    init = row.init.in_width(grows_in, grows_out)
    lr = rule.lr.in_width(grows_in, grows_out)
    update = entry_size(geometry, rule.gradient, row).in_width(grows_in, grows_out)
    summed = 1.0 if grows_in else 0.0
    spectral = is_spectral(geometry, role)
    if spectral:
        # a matrix of spectral norm 1 maps entries of size 1 to entries of size √(fan_in/fan_out)
        effect = multiplier + lr + update + 0.5 * grows_in - 0.5 * grows_out
    else:
        effect = multiplier + lr + update + summed
    logit_effect = effect
    if role == "tied":  # aligned sums over the width, times the multiplier on the logits
        summed = 0.5 if spectral else 1.0
        logit_effect = parameterization.tied_logits.fan_in + lr + update + summed
    return Exponents(
        multiplier=multiplier,
        init=init,
        lr=lr,
        gradient=rule.gradient.in_width(grows_in, grows_out),
        output_gradient=0.0 if role in AT_THE_OUTPUT else parameterization.signal(tied),
        update=update,
        init_effect=multiplier + init + summed / 2,
        update_effect=effect,
        logit_effect=logit_effect,
    )


def clip_exponent(parameterization: Parameterization, readout: str) -> float:
    """Exponent of the width for the threshold of the global gradient norm.

    The readout has n entries, each with a gradient of the size of its multiplier, so their norm
    scales as √n · multiplier; the norm of n² hidden entries scales as n · |gradient|. The larger
    exponent counts, and at least 0 (derived; measured 0 for Table 8, 0.5 for Table 3 and sp).
    """
    out = parameterization.row("readout", readout)
    hidden = parameterization.row("hidden")
    hidden_norm = 1 + hidden.multiplier.fan_in + parameterization.signal()
    return max(0.0, 0.5 + out.multiplier.fan_in, hidden_norm)
