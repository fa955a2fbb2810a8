"""Format `hf`: any model of transformers: its config, an init function, an optimizer for Trainer.

Multipliers go into the config where the model type has keys for them (Granite and its kin, Cohere,
Falcon-H1, MiniCPM3, HyperCLOVA X); `install` puts the others into the model. The numbers are final.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mutransfer_cli.documents.scale import ScaleDocument
from mutransfer_cli.emit.core.header import header_block, header_lines
from mutransfer_cli.emit.core.protocol import EmitRequest, Key, ResolvedConfig, Stack
from mutransfer_cli.emit.core.resolve import exact_config
from mutransfer_cli.emit.python_code.hf_trainer import TRAINER_CODE, training_arguments
from mutransfer_cli.emit.python_code.schedule_code import SCHEDULE_CODE, schedule_values
from mutransfer_cli.emit.python_code.torch_code import TORCH_CODE, torch_keys, torch_values
from mutransfer_cli.emit.transformers_parts.multiplier_keys import config_keys
from mutransfer_cli.plans.types import Site, TensorPlan
from mutransfer_cli.quoting import python

HF_CODE = '''

def build(seed=0):
    """The model at the target's size, initialized, with its multipliers."""
    import transformers

    values = dict(CONFIG)
    torch.manual_seed(seed)  # for tensors that keep the model's own init
    config = transformers.AutoConfig.for_model(values.pop("model_type"), **values)
    model = getattr(transformers, MODEL)(config)
    initialize(model, seed)
    install(model)
    return model


def create_optimizer(model):
    """The plan's optimizer; its schedule is scheduler(optimizer)."""
    return optimizer(model)
'''


def split_multipliers(
    request: EmitRequest,
) -> tuple[dict[str, Any], dict[str, float | None], dict[str, Site]]:
    """The config's values, and what remains for `install`: each multiplier is applied once."""
    plan, values = request.plan, dict(request.hf_config.to_dict())
    shown = dict(request.hf_config.to_diff_dict())  # without the model type's defaults
    forward, sites = dict(plan.forward), dict(plan.sites)
    for name, key in config_keys(str(values["model_type"])).items():
        planned, site = forward.get(name), sites.get(name)
        if planned is None or site is None or values.get(key.name) is None:
            continue
        value = key.value(values, planned, site)
        if value is not None:
            values[key.name] = shown[key.name] = value
            del sites[name]
    return {"model_type": values["model_type"], **shown}, forward, sites


def config_values(values: Mapping[str, Any], architecture: str) -> dict[str, Any]:
    """What goes into config.json."""
    left_out = {"_name_or_path", "transformers_version", "dtype"}
    kept = {k: v for k, v in values.items() if k not in left_out}
    return {"model_type": kept.pop("model_type"), **kept, "architectures": [architecture]}


def architecture_of(request: EmitRequest) -> str:
    """The name of the proxies' class."""
    from mutransfer_cli.models.huggingface.model_class import model_class_of

    architecture = model_class_of(request.hf_config, request.recipe.model.build)
    return str(architecture.model_class.__name__)


def render(
    request: EmitRequest, resolved: ResolvedConfig, document: ScaleDocument
) -> dict[str, str]:
    """The file, with how to use it in its header, and the config."""
    values, forward, sites = split_multipliers(request)
    architecture = architecture_of(request)
    config = config_values(values, architecture)
    usage = [
        "",
        "Put this file beside your training script, and add to that:",
        "from mutransfer_hf import TRAINING_ARGUMENTS, build, mutransfer_trainer",
        "model = build()   # or your own: initialize(model); install(model), once",
        "arguments = TrainingArguments(OUT, **TRAINING_ARGUMENTS)",
        "mutransfer_trainer()(model=model, args=arguments, train_dataset=DATA).train()",
        "Fill in: OUT and DATA, in your script. On N devices, divide the batch by N:",
        "per_device_train_batch_size in TRAINING_ARGUMENTS is that of one device.",
        "A checkpoint holds weights only: call build(), then load it.",
    ]
    text = (
        header_block(document, usage)
        + f"\nMODEL = {python(architecture)}\n"
        + f"CONFIG = {python(config)}\n"
        + f"TRAINING_ARGUMENTS = {python(training_arguments(request))}\n"
        + schedule_values(request)
        + torch_values(request, forward, sites)
        + TORCH_CODE
        + SCHEDULE_CODE
        + HF_CODE
        + TRAINER_CODE
    )
    config_text = json.dumps({**config, "mutransfer": header_lines(document)}, indent=2) + "\n"
    return {"mutransfer_hf.py": text, "config.json": config_text}


def keys(
    request: EmitRequest, resolved: ResolvedConfig, tensor: TensorPlan | None
) -> dict[str, Key]:
    """The entries of the file; multipliers that the model type has are in its CONFIG."""
    if tensor is not None:
        return torch_keys(request, resolved, tensor)
    values, forward, sites = split_multipliers(request)
    own = config_keys(str(values["model_type"]))
    found = torch_keys(request, resolved, None)
    for name in own.keys() & forward.keys() - sites.keys():
        key = own[name].name
        if key in values:
            found[name] = Key(f"CONFIG['{key}']", values[key])
    return found


STACK = Stack(exact_config, render, keys)
