"""Formats hf and hf-granite: transformers' model, config and Trainer."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from torch import Tensor, nn
from torch.utils.data import SequentialSampler

from tests.helpers.emitted_training import imported
from tests.stacks.adapters.decoder_names import granite_multipliers, llama_pieces
from tests.stacks.adapters.torch_file import plan_multipliers
from tests.stacks.built import BuiltStack, Curve, Emitted, same_names


def recording_trainer() -> Any:
    """A Trainer that keeps the losses and the rates of every step, and the order of the data."""
    from transformers import Trainer

    class RecordingTrainer(Trainer):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.losses: list[float] = []
            self.rates: list[float] = []

        def _get_train_sampler(self, *_: Any) -> Any:
            return SequentialSampler(self.train_dataset)

        def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
            found = super().compute_loss(*args, **kwargs)
            self.losses.append(float(found.detach()))
            self.rates.append(float(self.optimizer.param_groups[0]["lr"]))
            return found

    return RecordingTrainer


def train(stack: BuiltStack, batches: Sequence[Tensor]) -> Curve:
    """Trainer's own loop."""
    trainer = stack.extra["trainer"]
    trainer.train_dataset = [
        {"input_ids": row, "labels": row.clone()} for tokens in batches for row in tokens
    ]
    peak = float(stack.optimizers[0].param_groups[0]["lr"])
    trainer.train()
    return Curve(trainer.losses, [rate / peak for rate in trainer.rates])


def with_trainer(file: ModuleType, model: nn.Module, **values: Any) -> BuiltStack:
    """A stack that trains by the file's Trainer."""
    from transformers import TrainingArguments

    arguments = TrainingArguments(
        tempfile.mkdtemp(), **file.TRAINING_ARGUMENTS, report_to=[], save_strategy="no",
        logging_strategy="no", use_cpu=True, disable_tqdm=True,
    )  # fmt: skip
    trainer = file.mutransfer_trainer(recording_trainer())(
        model=model, args=arguments, train_dataset=[]
    )
    trainer.create_optimizer()
    return BuiltStack(
        model=model, train=train, optimizers=[trainer.optimizer],
        clip=arguments.max_grad_norm or None, extra={"trainer": trainer}, **values,
    )  # fmt: skip


def build_hf(emitted: Emitted) -> BuiltStack:
    """The file's `build`, whose config has to be that of config.json."""
    file = imported(emitted.main_file())
    config = json.loads(emitted.files["config.json"])
    config.pop("mutransfer")
    assert config == file.CONFIG
    model = file.build()
    layer = model.model.layers[0]
    return with_trainer(
        file,
        model,
        pieces=same_names(model),
        multipliers=plan_multipliers(emitted),
        attention_scale=layer.self_attn.scaling,
        tied_logits=emitted.plan.forward.get("logit_scale"),
    )


def build_granite(emitted: Emitted) -> BuiltStack:
    """The config.json by AutoConfig, as the file says."""
    from transformers import AutoConfig, AutoModelForCausalLM

    file = imported(emitted.main_file())
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(emitted.folder))
    own = file.build()
    assert own.config.to_diff_dict() | {"mutransfer": None} == (
        model.config.to_diff_dict() | {"mutransfer": None}
    )
    pieces = llama_pieces(emitted, model)
    return with_trainer(file, model, pieces=pieces, **granite_multipliers(model, pieces))
