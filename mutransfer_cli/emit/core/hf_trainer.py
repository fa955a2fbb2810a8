"""The parts that files for Hugging Face's Trainer share."""

from __future__ import annotations

from typing import Any

from mutransfer_cli.emit.core.protocol import EmitRequest

TRAINER_CODE = '''

def mutransfer_trainer(base=None):
    """transformers.Trainer, or a class of yours, with this file's optimizer."""
    if base is None:
        from transformers import Trainer as base

    class MutransferTrainer(base):
        def create_optimizer(self, model=None):
            if self.optimizer is None:
                self.optimizer = create_optimizer(self.model if model is None else model)
            return self.optimizer

    return MutransferTrainer
'''


def training_arguments(request: EmitRequest) -> dict[str, Any]:
    """Keyword arguments of TrainingArguments; it clips by default, and 0 turns that off."""
    s, plan = request.schedule, request.plan
    peak = max(t.lr for t in plan.tensors)  # the polynomial schedule's lr_end is a share of it
    arguments: dict[str, Any] = {
        "max_steps": plan.target["steps"],
        "per_device_train_batch_size": plan.target["batch"],
        "learning_rate": peak,
        "max_grad_norm": plan.clip or 0.0,
        "warmup_steps": s.warmup,
    }
    options: dict[str, float | str]
    match s.name:
        case "constant":
            return arguments | {"lr_scheduler_type": "constant_with_warmup"}
        case "cosine":
            kind, options = "cosine_with_min_lr", {"min_lr_rate": s.final}
        case "wsd":
            kind = "warmup_stable_decay"
            options = {
                "num_decay_steps": s.decay,
                "decay_type": "linear",
                "min_lr_ratio": s.final,
            }
        case _ if s.final:
            kind, options = "polynomial", {"lr_end": peak * s.final, "power": 1.0}
        case _:
            return arguments | {"lr_scheduler_type": "linear"}
    return arguments | {"lr_scheduler_type": kind, "lr_scheduler_kwargs": options}
