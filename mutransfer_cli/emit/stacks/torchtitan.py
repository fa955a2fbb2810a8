"""Format `torchtitan`: a Python recipe for its llama3. We scale.

Groups of the optimizer take every number; init is a function per module. There is no multiplier
anywhere: those of embedding, logits and branches are absorbed into the tensors, that of attention
(the stack has 1/√d_head) into the queries. A tied embedding cannot be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import sqrt
from pprint import pformat

from mutransfer_cli.documents.scale import Deviation
from mutransfer_cli.emit.core.abc_symmetry import Numbers
from mutransfer_cli.emit.core.decoder import wanted_of
from mutransfer_cli.emit.core.header import commented
from mutransfer_cli.emit.core.interface import Capabilities, Job, Outcome, Stack
from mutransfer_cli.emit.core.resolve import require_adamw, settle
from mutransfer_cli.emit.core.schedule_and_yaml import schedule_of
from mutransfer_cli.errors import InputError

# Part: the fields of torchtitan's config and the end of the parameter's name.
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
LIKE = frozenset({"llama", "mistral", "granite"})  # multipliers apart

CODE = '''
import dataclasses
from functools import partial

from torch import nn


def optimizer_config():
    """Groups by pattern: the first match wins, and what none matches is an error there."""
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
    """Put the plan into a Trainer.Config of llama3 whose model has the sizes below."""
    model = config.model_spec.model
    for name, size in SIZES.items():
        if getattr(model, name, size) != size:
            raise ValueError(f"model.{name} is {getattr(model, name)}, the plan is for {size}")
    if getattr(model, "enable_weight_tying", False):
        raise ValueError("a tied embedding needs a multiplier, which torchtitan has not")
    set_init(model)
    config.optimizer = optimizer_config()
    for name, value in LR_SCHEDULER.items():
        setattr(config.lr_scheduler, name, value)
    for name, value in TRAINING.items():
        setattr(config.training, name, value)
    return config
'''


def settled(job: Job) -> Outcome:
    require_adamw(job)
    t, plan = job.transformer, job.plan
    if t.tied:
        raise InputError(
            "--format torchtitan: a tied embedding needs a multiplier on the logits, which "
            "torchtitan has not; take hf-granite or megatron, or untie the proxies"
        )
    odd = [p for p in t.parts.values() if p not in FIELDS and not p.endswith("_bias")]
    if t.kind in LIKE and (odd or t.bias):
        raise InputError(
            f"--format torchtitan: its llama3 has no {odd[0] if odd else 'bias'}; take hf"
        )
    wanted = wanted_of(plan, t.parts, t.own)
    own, scale = t.head_size**-0.5, plan.forward.get("attention_scale")
    fixed = {"embedding": 1.0, "logit": 1.0, "residual": 1.0}
    if scale is not None and t.names("q") and abs(scale / own - 1) > 1e-9:
        # q·k · scale = (c·q)·k · own: rotary positions are linear, so c trades like a multiplier
        for name in t.names("q"):
            wanted[name] = replace(wanted[name], multiplier=scale * sqrt(t.head_size))
        fixed["q"], scale = 1.0, None
    found = settle(job, {}, fixed, wanted)
    deviations: tuple[Deviation, ...] = ()
    tensors = {n: v for n, v in found.tensors.items() if t.parts[n] in FIELDS}
    if t.kind not in LIKE:
        deviations = (
            Deviation(
                what="model",
                wanted=t.kind,
                got="llama3",
                consequence="rotary positions, RMSNorm and a gated MLP, which the proxies had not; "
                "take hf:llama as model.build",
            ),
        )
    return Outcome(
        found.wanted,
        tensors,
        plan.forward.get("attention_scale") if scale is None else own,
        deviations=deviations,
    )


def groups_of(job: Job, outcome: Outcome) -> tuple[dict[str, Numbers], dict[str, float]]:
    """Numbers by pattern, and init by field. Raises InputError where a part has two of either."""
    t = job.transformer
    groups: dict[str, Numbers] = {}
    init: dict[str, float] = {}
    for name, numbers in outcome.tensors.items():
        part = t.parts[name]
        fields = FIELDS[part] + (("w1",) if part == "up" and not t.gated else ())
        pattern = rf"(^|\.)({'|'.join(fields)})\.weight$"
        key = replace(numbers, init_std=None, multiplier=1.0, loose=0.0)
        if groups.setdefault(pattern, key) != key:
            raise InputError(
                f"--format torchtitan: {name} has other numbers than its like in other layers, "
                "and init and groups here are by kind; take torch or hf"
            )
        if numbers.init_std is not None:
            for field in fields:
                init.setdefault(field, numbers.init_std)
    return groups, init


def write(job: Job, outcome: Outcome, head: Sequence[str]) -> dict[str, str]:
    t, plan, s = job.transformer, job.plan, schedule_of(job)
    groups, init = groups_of(job, outcome)
    listed = [
        (
            pattern,
            {"lr": n.lr, "betas": tuple(plan.betas), "eps": n.eps, "weight_decay": n.weight_decay},
        )
        for pattern, n in groups.items()
    ]
    scheduler: dict[str, object] = {"warmup_steps": s.rising, "min_lr_factor": s.final}
    scheduler["decay_type"] = "cosine" if s.name == "cosine" else "linear"
    scheduler["decay_ratio"] = s.falling / plan.target["steps"]
    training = {
        "seq_len": t.length,
        "steps": plan.target["steps"],
        "global_batch_size": plan.target["batch"],
        "max_norm": plan.clip if plan.clip is not None else float("inf"),
    }
    how = [
        "",
        "In torchtitan/models/llama3/config_registry.py, with a model of these sizes:",
        "    def llama3_mutransfer():",
        "        return this_file.configure(llama3_…())",
        "All values are final: torchtitan scales nothing. Attention stays at 1/√head size.",
    ]
    text = (
        commented([*head, *how])
        + f"\nSIZES = {{'dim': {t.width}, 'n_layers': {t.depth}, 'vocab_size': {t.vocabulary}}}\n"
        + f"# heads {t.heads}, of keys and values {t.groups}, feed-forward size {t.filter}\n"
        + f"INIT = {pformat(init, sort_dicts=False)}\n"
        + f"GROUPS = {pformat(listed, sort_dicts=False, width=100)}\n"
        + f"LR_SCHEDULER = {scheduler!r}\n"
        + f"TRAINING = {training!r}\n".replace("inf", 'float("inf")')
        + CODE
    )
    return {"mutransfer_torchtitan.py": text}


STACK = Stack(
    Capabilities(
        embedding_multiplier=False,
        logit_multiplier=False,
        residual_multiplier=False,
        attention_scale=False,
        tied="never",
        absorb=True,
        optimizers=("adamw", "adam"),
    ),
    settled,
    write,
)
