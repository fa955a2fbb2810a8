"""What files for Hugging Face's Trainer share."""

from __future__ import annotations

from typing import Any

from mutransfer_cli.emit.core.interface import Job
from mutransfer_cli.emit.core.schedule_and_yaml import schedule_of

TRAINER = '''

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


def training_arguments(job: Job) -> dict[str, Any]:
    """Keywords of TrainingArguments; its clipping is on by default, 0 turns it off."""
    s, plan = schedule_of(job), job.plan
    peak = max(t.lr for t in plan.tensors)  # of which polynomial's lr_end is a share
    found: dict[str, Any] = {
        "max_steps": plan.target["steps"],
        "per_device_train_batch_size": plan.target["batch"],
        "learning_rate": peak,
        "max_grad_norm": plan.clip or 0.0,
        "warmup_steps": s.rising,
    }
    options: dict[str, float | str]
    match s.name:
        case "constant":
            return found | {"lr_scheduler_type": "constant_with_warmup"}
        case "cosine":
            kind, options = "cosine_with_min_lr", {"min_lr_rate": s.final}
        case "wsd":
            kind = "warmup_stable_decay"
            options = {
                "num_decay_steps": s.falling,
                "decay_type": "linear",
                "min_lr_ratio": s.final,
            }
        case _ if s.final:
            kind, options = "polynomial", {"lr_end": peak * s.final, "power": 1.0}
        case _:
            return found | {"lr_scheduler_type": "linear"}
    return found | {"lr_scheduler_type": kind, "lr_scheduler_kwargs": options}
