"""Format `hf`: any model of transformers: its config, an init function, an optimizer for Trainer.

Multipliers go into the config's own knobs where the type has them (Granite and its kin, Cohere),
else `install` puts them into the model. We scale.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pprint import pformat
from typing import Any

from mutransfer_cli.emit.core.header import commented
from mutransfer_cli.emit.core.hf_trainer import TRAINER, training_arguments
from mutransfer_cli.emit.core.interface import Capabilities, Job, Outcome, Stack
from mutransfer_cli.emit.stacks.torch import CODE, values_text
from mutransfer_cli.emit.stacks.torch import settled as settled_by_torch
from mutransfer_cli.errors import InputError
from mutransfer_cli.plans.types import Site

# Model types whose config multiplies, and its keys; logits_scaling divides.
GRANITE = {
    "embedding_scale": "embedding_multiplier",
    "residual_scale": "residual_multiplier",
    "attention_scale": "attention_multiplier",
    "logit_scale": "logits_scaling",
}
KNOBS: dict[str, dict[str, str]] = {
    "granite": GRANITE,
    "granitemoe": GRANITE,
    "granitemoeshared": GRANITE,
    "cohere": {"logit_scale": "logit_scale"},
    "cohere2": {"logit_scale": "logit_scale"},
}

BUILD = '''

def build(seed=0):
    """The model at the target's size, initialised, with its multipliers."""
    import transformers

    values = dict(CONFIG)
    torch.manual_seed(seed)  # of what keeps the model's own init
    config = transformers.AutoConfig.for_model(values.pop("model_type"), **values)
    model = getattr(transformers, MODEL)(config)
    initialize(model, seed)
    install(model)
    return model


def create_optimizer(model):
    """The plan's optimizer; its schedule has to be relative, as Trainer's are."""
    return optimizer(model)
'''


def settled(job: Job) -> Outcome:
    if job.config is None:
        raise InputError(
            f"--format hf: model.build is {job.recipe.model.build}, expected hf:TYPE; take "
            "--format torch, or hf-granite for a decoder"
        )
    return settled_by_torch(job)


def in_config(job: Job) -> tuple[dict[str, Any], dict[str, float | None], dict[str, Site]]:
    """Config values, and what is left for `install`: each multiplier is in one place only."""
    plan, values = job.plan, dict(job.config.to_dict())
    shown = dict(job.config.to_diff_dict())  # without what is the type's default
    forward, sites = dict(plan.forward), dict(plan.sites)
    for name, key in KNOBS.get(str(values["model_type"]), {}).items():
        wanted, site = forward.get(name), sites.get(name)
        if wanted is None or site is None or key not in values:
            continue
        if name != "logit_scale":
            values[key] = wanted  # the attribute's own value
        elif key == "logits_scaling":
            values[key] = values[key] / wanted
        elif site.how == "attribute":
            values[key] = wanted
        else:
            values[key] = values[key] * wanted
        shown[key] = values[key]
        del sites[name]
    return {"model_type": values["model_type"], **shown}, forward, sites


def config_values(values: Mapping[str, Any], architecture: str) -> dict[str, Any]:
    """What goes into config.json."""
    left_out = {"_name_or_path", "transformers_version", "dtype"}
    kept = {k: v for k, v in values.items() if k not in left_out}
    return {"model_type": kept.pop("model_type"), **kept, "architectures": [architecture]}


def architecture_of(job: Job) -> str:
    """The class that the proxies were of."""
    from mutransfer_cli.models.huggingface.model_class import model_class_of

    return str(model_class_of(job.config, job.recipe.model.build).model_class.__name__)


def write(job: Job, outcome: Outcome, head: Sequence[str]) -> dict[str, str]:
    values, forward, sites = in_config(job)
    architecture = architecture_of(job)
    config = config_values(values, architecture)
    how = [
        "",
        "model = build()   # or your own: initialize(model); install(model), once",
        "Trainer: mutransfer_trainer()(model=model, args=TrainingArguments(out,",
        "    **TRAINING_ARGUMENTS), train_dataset=…)",
        "A checkpoint holds weights alone: build(), then load them.",
    ]
    text = (
        commented([*head, *how])
        + f"\nMODEL = {architecture!r}\n"
        + f"CONFIG = {pformat(config, sort_dicts=False)}\n"
        + f"TRAINING_ARGUMENTS = {pformat(training_arguments(job), sort_dicts=False)}\n"
        + values_text(job, forward, sites)
        + CODE
        + BUILD
        + TRAINER
    )
    plain = json.dumps({**config, "mutransfer": list(head)}, indent=2) + "\n"
    return {"mutransfer_hf.py": text, "config.json": plain}


STACK = Stack(Capabilities(), settled, write)
