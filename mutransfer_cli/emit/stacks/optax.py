"""Format `optax`: a Python file with labels and the transformation of each group, for JAX.

The names and shapes of the plan are those of the torch model that was traced; the file maps a tree
of parameters to them. Written from optax 0.2.8: alias.py, transforms/_combining.py.
"""

from __future__ import annotations

from mutransfer_cli.documents.scale import ScaleDocument
from mutransfer_cli.emit.core.header import header_block
from mutransfer_cli.emit.core.protocol import EmitRequest, Key, ResolvedConfig, Stack
from mutransfer_cli.emit.core.resolve import exact_config
from mutransfer_cli.emit.python_code.optax_code import OPTAX_CODE, optax_values, tensor_options
from mutransfer_cli.emit.python_code.optax_muon import matrix_code
from mutransfer_cli.emit.python_code.schedule_code import schedule_values
from mutransfer_cli.emit.python_code.torch_code import torch_keys
from mutransfer_cli.optimizers.muon import MUON
from mutransfer_cli.optimizers.protocol import optimizer_spec
from mutransfer_cli.plans.param_groups import optimizer_kinds
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.plans.types import TensorPlan
from mutransfer_cli.quoting import python

DEFAULT_SITES = {
    "embedding_scale": "the sum of token and position embeddings",
    "logit_scale": "the input of the readout",
    "residual_scale": "the output of every residual branch, before it is added",
    "attention_scale": "q·k, instead of 1/sqrt(d_head)",
}

MUON_USAGE = (
    "Muon orthogonalizes with optax; its momentum is torch's, without the bias correction of",
    "optax.contrib.muon. lr is quoted as ADJUST_LR does, whose factor each group has.",
)
FIXED_NORM_USAGE = (
    "Matrices keep the norms that they have in optimizer.init(params): initialize them before.",
)


def multiplier_lines(plan: Plan) -> list[str]:
    """Where the forward pass applies each multiplier."""
    lines = []
    for name, value in plan.forward.items():
        if value is None:
            continue
        site = plan.sites.get(name)
        modules = "" if site is None else ", ".join(site.modules)
        where = DEFAULT_SITES.get(name, name)
        if site is not None and modules:
            where = f"the {site.how} of {modules}"
        lines.append(f"plan.FORWARD[{python(name)}] = {value:.6g} multiplies {where}")
    return lines


def render(
    request: EmitRequest, resolved: ResolvedConfig, document: ScaleDocument
) -> dict[str, str]:
    """The file, with how to use it in its header."""
    usage = [
        "",
        "Put this file beside your training script, and add to that:",
        "import mutransfer_optax as plan      # under the name that you give to this file",
        "params = ...                         # your own model's parameters at the target's size",
        "params = plan.initialize(params); optimizer = plan.optimizer(params)",
        "state = optimizer.init(params)       # clipping and the schedule are in the optimizer",
        "Your forward pass multiplies, as the proxies' did (write it into your model):",
        *multiplier_lines(request.plan),
        "Fill in: nothing here. Where your parameters have other names than the proxies',",
        "pass name_of, a function of a parameter's path in the tree, to both functions.",
        *(MUON_USAGE if MUON.name in optimizer_kinds(request.plan) else ()),
        *(FIXED_NORM_USAGE if optimizer_spec(request.plan.optimizer).geometry.keeps_norm else ()),
    ]
    text = header_block(document, usage) + "\n" + schedule_values(request) + optax_values(request)
    return {"mutransfer_optax.py": text + OPTAX_CODE + matrix_code(optimizer_kinds(request.plan))}


def keys(
    request: EmitRequest, resolved: ResolvedConfig, tensor: TensorPlan | None
) -> dict[str, Key]:
    """The entries of FORWARD and TENSORS that carry each number."""
    found = torch_keys(request, resolved, tensor)
    if tensor is None:
        return found
    options = tensor_options(request.plan, tensor)
    return {
        name: Key(key.name, options[name]) if name in options else key
        for name, key in found.items()
    }


STACK = Stack(exact_config, render, keys)
