"""Format `torchtitan`: a Python recipe for its llama3; the numbers are final.

Groups of the optimizer take every number; init is a function per module. There are no multipliers:
those of embedding, logits and branches are absorbed into the tensors, that of attention (1/√d_head
in the stack) into the queries. Source: torchtitan, components/optimizer.
"""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

from mutransfer_cli.documents.scale import Deviation, ScaleDocument
from mutransfer_cli.emit.core.abc_symmetry import Numbers
from mutransfer_cli.emit.core.capability_check import refusal
from mutransfer_cli.emit.core.comments import comment_block
from mutransfer_cli.emit.core.decoder import Decoder
from mutransfer_cli.emit.core.header import header_block
from mutransfer_cli.emit.core.protocol import EmitRequest, Key, ResolvedConfig, Stack
from mutransfer_cli.emit.core.resolve import planned_numbers, resolve_tensors
from mutransfer_cli.plans.types import TensorPlan
from mutransfer_cli.quoting import python

# The fields of torchtitan's config for each part, which are also the end of the parameter's name.
FIELDS = {
    "token": ("tok_embeddings",),
    "q": ("wq",),
    "k": ("wk",),
    "v": ("wv",),
    "qkv": ("wq", "wk", "wv"),
    "attention_out": ("wo",),
    "gate": ("w1",),
    "down": ("w2",),
    "up": ("w3",),
    "norm1": ("attention_norm",),
    "norm2": ("ffn_norm",),
    "final_norm": ("norm",),
    "readout": ("output", "lm_head"),
}
# Hugging Face model types with the same architecture; multipliers are absorbed.
LLAMA_LIKE = frozenset({"llama", "mistral", "granite"})
NO_MULTIPLIERS = {"embedding": 1.0, "logit": 1.0, "residual": 1.0}

TORCHTITAN_CODE = '''
import dataclasses
from functools import partial

from torch import nn


def optimizer_config():
    """Groups by pattern: the first match wins; torchtitan refuses a parameter without a match."""
    from torchtitan.components.optimizer import OptimizersContainer, ParamGroupConfig

    return OptimizersContainer.Config(
        param_groups=[
            ParamGroupConfig(pattern=pattern, optimizer_name="AdamW", optimizer_kwargs=options)
            for pattern, options in GROUPS
        ]
    )


def set_init(config):
    """Set `param_init` of every matrix in a config of llama3, wherever it is nested."""
    found = set()

    def visit(value, name):
        if name in INIT:
            value.param_init = {"weight": partial(nn.init.normal_, mean=0.0, std=INIT[name])}
            found.add(name)
        elif isinstance(value, (list, tuple)):
            for item in value:
                visit(item, None)
        elif dataclasses.is_dataclass(value):
            for field in dataclasses.fields(value):
                visit(getattr(value, field.name), field.name)

    visit(config, None)
    missing = {n for n in INIT if n not in ("output", "lm_head")} - found
    if missing or not found & {"output", "lm_head"}:
        raise ValueError(f"the config has no {sorted(missing) or 'output'}")


def configure(config):
    """Put the plan into a Trainer.Config of llama3; its model must have the sizes in SIZES."""
    model = config.model_spec.model
    for name, size in SIZES.items():
        if getattr(model, name, size) != size:
            raise ValueError(f"model.{name} is {getattr(model, name)}, the plan is for {size}")
    if getattr(model, "enable_weight_tying", False):
        raise ValueError("a tied embedding needs a multiplier, which torchtitan does not have")
    set_init(model)
    config.optimizer = optimizer_config()
    for name, value in LR_SCHEDULER.items():
        setattr(config.lr_scheduler, name, value)
    for name, value in TRAINING.items():
        setattr(config.training, name, value)
    return config
'''


def another_architecture(decoder: Decoder) -> Deviation:
    """The deviation of proxies that are no Llama."""
    return Deviation(
        what="model",
        wanted=decoder.kind,
        got="llama3",
        consequence="rotary positions, RMSNorm and a gated MLP, which the proxies did not have; "
        "take hf:llama as model.build",
    )


def resolve(request: EmitRequest) -> ResolvedConfig:
    """Absorb every multiplier.

    Raises:
        InputError: The proxies have tensors that llama3 does not have.
    """
    t, plan = request.decoder, request.plan
    unknown = [p for p in t.parts.values() if p not in FIELDS and not p.endswith("_bias")]
    if t.kind in LLAMA_LIKE and (unknown or t.bias):
        raise refusal(request, f"its llama3 has no {unknown[0] if unknown else 'bias'}")
    planned = planned_numbers(plan, t)
    own_scale, scale = t.head_size**-0.5, plan.forward.get("attention_scale")
    fixed = dict(NO_MULTIPLIERS)
    if scale is not None and t.names("q") and abs(scale / own_scale - 1) > 1e-9:
        # q·k · scale = (c·q)·k · own_scale: rotary positions are linear, so c is a multiplier of q
        for name in t.names("q"):
            planned[name] = replace(planned[name], multiplier=scale * sqrt(t.head_size))
        fixed["q"], scale = 1.0, None
    tensors = resolve_tensors(request, {}, fixed, planned)
    return ResolvedConfig(
        planned=tensors.planned,
        actual={n: v for n, v in tensors.actual.items() if t.parts[n] in FIELDS},
        attention_scale=plan.forward.get("attention_scale") if scale is None else own_scale,
        deviations=() if t.kind in LLAMA_LIKE else (another_architecture(t),),
    )


def groups_and_init(
    request: EmitRequest, resolved: ResolvedConfig
) -> tuple[dict[str, Numbers], dict[str, float]]:
    """The numbers by pattern, and init by field of the config.

    Raises:
        InputError: Tensors of one part have different numbers.
    """
    t = request.decoder
    groups: dict[str, Numbers] = {}
    init: dict[str, float] = {}
    for name, numbers in resolved.actual.items():
        part = t.parts[name]
        fields = FIELDS[part] + (("w1",) if part == "up" and not t.gated else ())
        pattern = rf"(^|\.)({'|'.join(fields)})\.weight$"
        key = replace(numbers, init_std=None, multiplier=1.0, init_tolerance=0.0)
        if groups.setdefault(pattern, key) != key:
            raise refusal(
                request,
                f"{name} has other numbers than the same tensor in other layers, and torchtitan "
                "sets init and groups by kind",
            )
        if numbers.init_std is not None:
            for field in fields:
                init.setdefault(field, numbers.init_std)
    return groups, init


def training_text(request: EmitRequest) -> str:
    """The values of the schedule and of training, as literals."""
    s, plan = request.schedule, request.plan
    scheduler: dict[str, object] = {"warmup_steps": s.warmup, "min_lr_factor": s.final}
    scheduler["decay_type"] = "cosine" if s.name == "cosine" else "linear"
    scheduler["decay_ratio"] = s.decay / plan.target["steps"]
    training = {
        "seq_len": request.decoder.length,
        "steps": plan.target["steps"],
        "global_batch_size": plan.target["batch"],
        "max_norm": plan.clip if plan.clip is not None else float("inf"),
    }
    return f"LR_SCHEDULER = {python(scheduler, 200)}\nTRAINING = {python(training, 200)}\n"


def render(
    request: EmitRequest, resolved: ResolvedConfig, document: ScaleDocument
) -> dict[str, str]:
    """The recipe, with how to use it in its header."""
    t, plan = request.decoder, request.plan
    groups, init = groups_and_init(request, resolved)
    options = [
        (
            pattern,
            {"lr": n.lr, "betas": tuple(plan.betas), "eps": n.eps, "weight_decay": n.weight_decay},
        )
        for pattern, n in groups.items()
    ]
    usage = [
        "",
        "In torchtitan/models/llama3/config_registry.py, with a model of these sizes:",
        "    def llama3_mutransfer():",
        "        return this_file.configure(llama3_…())",
        "All values are final: torchtitan scales nothing. Attention stays at 1/√head size.",
    ]
    sizes = {"dim": t.width, "n_layers": t.depth, "vocab_size": t.vocabulary}
    heads = f"heads {t.heads}, of keys and values {t.groups}, feed-forward size {t.filter}"
    text = (
        header_block(document, usage)
        + f"\nSIZES = {python(sizes)}\n"
        + comment_block([heads])
        + f"INIT = {python(init)}\n"
        + f"GROUPS = {python(options, width=100)}\n"
        + training_text(request)
        + TORCHTITAN_CODE
    )
    return {"mutransfer_torchtitan.py": text}


def keys(
    request: EmitRequest, resolved: ResolvedConfig, tensor: TensorPlan | None
) -> dict[str, Key]:
    """The group, and the field of INIT, that carry each number."""
    if tensor is None:
        return {"clip": Key("TRAINING['max_norm']", request.plan.clip)}
    numbers = resolved.actual.get(tensor.name)
    if numbers is None:
        return {}
    field = FIELDS[request.decoder.parts[tensor.name]][0]
    group = f"GROUPS['{field}']"
    found = {
        name: Key(f"{group}['{name}']", getattr(numbers, name))
        for name in ("lr", "weight_decay", "eps")
    }
    if numbers.init_std is not None:
        found["init_std"] = Key(f"INIT['{field}']", groups_and_init(request, resolved)[1][field])
    return found


STACK = Stack(resolve, render, keys)
