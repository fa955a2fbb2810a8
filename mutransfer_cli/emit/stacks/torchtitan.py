"""Format `torchtitan`: a Python recipe for its llama3; the numbers are final.

Groups of the optimizer take every number; init is a function per module, one for keys and values.
There are no multipliers: those of embedding, logits and branches are absorbed into the tensors,
that of attention (1/√d_head in the stack) and an init of the keys that is not that of the values
into the queries. Source: torchtitan 0.3.0, components/optimizer and models/common/attention.
"""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from math import sqrt

from mutransfer_cli.documents.scale import ScaleDocument
from mutransfer_cli.emit.core.abc_symmetry import Numbers
from mutransfer_cli.emit.core.capability_check import refuse_core
from mutransfer_cli.emit.core.decoder import Decoder
from mutransfer_cli.emit.core.header import header_block
from mutransfer_cli.emit.core.protocol import EmitRequest, Key, ResolvedConfig, Stack
from mutransfer_cli.emit.core.resolve import planned_numbers, resolve_tensors
from mutransfer_cli.emit.llama.llama_architecture import (
    LLAMA_LIKE,
    another_architecture,
    check_architecture,
    rope_values,
)
from mutransfer_cli.emit.llama.shared_init import share_init_of_keys, with_common_init
from mutransfer_cli.emit.python_code.torchtitan_code import TORCHTITAN_CODE
from mutransfer_cli.emit.torchtitan_parts.dist_muon import (
    MUON_USAGE,
    dist_muon,
    muon_options,
    muon_text,
    several_rates,
)
from mutransfer_cli.plans.types import TensorPlan
from mutransfer_cli.quoting import python

# The modules of llama3 for each part: the end of their parameters' names.
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
# The names of INIT in the file, where they are not the module's: keys and values share one.
INIT_NAMES = {"wk": "wkv", "wv": "wkv", "output": "lm_head"}
NO_MULTIPLIERS = {"embedding": 1.0, "logit": 1.0, "residual": 1.0}
STOCK_CONFIG = "llama3_8b"


def resolve(request: EmitRequest) -> ResolvedConfig:
    """Absorb every multiplier.

    Raises:
        InputError: The proxies have tensors that llama3 does not have.
    """
    check_architecture(request, FIELDS)
    t, plan = request.decoder, request.plan
    planned = planned_numbers(plan, t)
    own_scale, scale = t.head_size**-0.5, plan.forward.get("attention_scale")
    fixed = dict(NO_MULTIPLIERS)
    if scale is not None and t.names("q") and abs(scale / own_scale - 1) > 1e-9:
        # q·k · scale = (c·q)·k · own_scale: rotary positions are linear, so c is a multiplier of q
        for name in t.names("q"):
            planned[name] = replace(planned[name], multiplier=scale * sqrt(t.head_size))
        fixed["q"], scale = 1.0, None
    if share_init_of_keys(request, planned):
        fixed |= {"q": 1.0, "k": 1.0}
    tensors = resolve_tensors(request, {}, fixed, planned)
    actual = {n: v for n, v in tensors.actual.items() if t.parts[n] in FIELDS}
    for parts in (("k", "v"), *((part,) for part in FIELDS if part not in ("k", "v"))):
        with_common_init(actual, t.names(*parts))
    muon = dist_muon(request, actual)
    if muon is not None:
        refuse_core(request, several_rates(muon.differing(actual)))
        actual |= muon.numbers
    return ResolvedConfig(
        planned=tensors.planned,
        actual=actual,
        settings={"muon": muon},
        attention_scale=plan.forward.get("attention_scale") if scale is None else own_scale,
        deviations=() if t.kind in LLAMA_LIKE else (another_architecture(t),),
    )


def layer_of(name: str) -> int | None:
    """The number of a tensor's layer; None outside of the layers."""
    found = re.search(r"\.(\d+)\.", name)
    return int(found[1]) if found else None


def fields_of(decoder: Decoder, part: str) -> tuple[str, ...]:
    """The modules for a part; a plain MLP's first matrix stands for both of a gated one."""
    return FIELDS[part] + (("w1",) if part == "up" and not decoder.gated else ())


def muon_fields(request: EmitRequest, resolved: ResolvedConfig) -> tuple[str, ...]:
    """The modules of a layer whose matrices DistMuon trains, in the order of `FIELDS`."""
    muon, t = resolved.settings["muon"], request.decoder
    if muon is None:
        return ()
    parts = {t.parts[name] for name in muon.numbers}
    return tuple(dict.fromkeys(f for p in FIELDS if p in parts for f in fields_of(t, p)))


def groups_and_init(
    request: EmitRequest, resolved: ResolvedConfig
) -> tuple[dict[str, Numbers], dict[str, float | tuple[float, ...]]]:
    """The numbers by pattern, and init by module: one for all layers, or one for each."""
    t = request.decoder
    groups: dict[str, Numbers] = {}
    init: dict[str, float | tuple[float, ...]] = {}
    muon = muon_fields(request, resolved)
    for part in dict.fromkeys(t.parts[name] for name in resolved.actual):
        names, fields = t.names(part), fields_of(t, part)
        ending = rf"({'|'.join(fields)})\.weight$"
        keys = [
            replace(resolved.actual[n], init_std=None, multiplier=1.0, init_tolerance=0.0)
            for n in names
        ]
        if fields[0] in muon:
            pass  # in the group of DistMuon
        elif all(key == keys[0] for key in keys):
            groups[rf"(^|\.){ending}"] = keys[0]
        else:
            for name, key in zip(names, keys, strict=True):
                groups[rf"(^|\.)layers\.{layer_of(name)}\.(.*\.)?{ending}"] = key
        stds = [n.init_std for name in names if (n := resolved.actual[name]).init_std is not None]
        if stds:
            same = all(std == stds[0] for std in stds)
            for field in fields:
                init[INIT_NAMES.get(field, field)] = stds[0] if same else tuple(stds)
    return groups, init


def training_text(request: EmitRequest) -> str:
    """The values of the schedule and of training, as literals."""
    s, plan = request.schedule, request.plan
    scheduler: dict[str, object] = {"warmup_steps": s.warmup, "min_lr_factor": s.final}
    scheduler["decay_type"] = "cosine" if s.name == "cosine" else "linear"
    scheduler["decay_ratio"] = s.decay / plan.target["steps"]
    scheduler["total_steps"] = plan.target["steps"]
    training = {
        "seq_len": request.decoder.length,
        "steps": plan.target["steps"],
        "global_batch_size": plan.target["batch"],
        "max_norm": plan.clip if plan.clip is not None else float("inf"),
        "dtype": "float32",
        "mixed_precision_param": "float32",
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
        "Put this file into the folder where you start torchtitan, and start it with",
        "    PYTHONPATH=. MODULE=mutransfer_torchtitan CONFIG=llama3_mutransfer ./run_train.sh",
        "or, where torchtitan is a package, on N GPUs:",
        "    PYTHONPATH=. torchrun --nproc_per_node N -m torchtitan.train \\",
        "        --module mutransfer_torchtitan --config llama3_mutransfer",
        "Fill in: STOCK_CONFIG, whose data, tokenizer, checkpoints and parallelism are kept.",
        "Its sizes, init, optimizer, schedule, batch and clipping are replaced. In a config of",
        "your own: return this_file.configure(your_config). All values are final.",
        "It computes in float32, as the proxies did: bfloat16 as mixed_precision_param is faster,",
        "and was not tuned. Documents of one sequence do not attend to each other.",
        "torchtitan refuses groups without a tensor: pipeline parallelism cannot split this model.",
        *(MUON_USAGE if resolved.settings["muon"] is not None else ()),
    ]
    sizes = {
        "dim": t.width,
        "n_layers": t.depth,
        "vocab_size": t.vocabulary,
        "n_heads": t.heads,
        "n_kv_heads": t.groups,
        "head_dim": t.head_size,
        "hidden_dim": t.filter,
        "norm_eps": t.norm_eps,
    }
    text = (
        header_block(document, usage)
        + f"\nSTOCK_CONFIG = {python(STOCK_CONFIG)}\n"
        + f"SIZES = {python(sizes)}\n"
        + f"ROPE = {python(rope_values(request), 200)}\n"
        + "# Standard deviations by module; keys and values share wkv.\n"
        + f"INIT = {python(init)}\n"
        + f"GROUPS = {python(options, width=100)}\n"
        + muon_text(request, resolved.settings["muon"], muon_fields(request, resolved))
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
    field = INIT_NAMES[field] if field == "output" else field
    muon = resolved.settings["muon"]
    if muon is not None and tensor.name in muon.numbers:
        values, group = muon_options(request, muon), "MUON"
    else:
        values, group = asdict(numbers), f"GROUPS['{field}']"
    found = {
        name: Key(f"{group}['{name}']", values[name]) for name in ("lr", "weight_decay", "eps")
    }
    if numbers.init_std is not None:
        name = INIT_NAMES.get(field, field)
        found["init_std"] = Key(f"INIT['{name}']", numbers.init_std)
    return found


STACK = Stack(resolve, render, keys)
