"""The parts that files for Hugging Face's Trainer share."""

from __future__ import annotations

from typing import Any

from mutransfer_cli.emit.core.protocol import EmitRequest

TRAINER_CODE = '''

def mutransfer_trainer(base=None):
    """transformers.Trainer, or a class of yours, with this file's optimizer and schedule."""
    if base is None:
        from transformers import Trainer as base

    class MutransferTrainer(base):
        def create_optimizer(self, model=None):
            if self.optimizer is None:
                self.optimizer = create_optimizer(self.model if model is None else model)
            return self.optimizer

        def create_scheduler(self, num_training_steps=None, optimizer=None):
            if self.lr_scheduler is None:
                self.lr_scheduler = scheduler(self.optimizer if optimizer is None else optimizer)
            return self.lr_scheduler

    return MutransferTrainer
'''


def training_arguments(request: EmitRequest) -> dict[str, Any]:
    """Keyword arguments of TrainingArguments; it clips by default, and 0 turns that off.

    The schedule is not among them: transformers' own start at 0, or warm up from the floor.
    """
    plan = request.plan
    return {
        "max_steps": plan.target["steps"],
        "per_device_train_batch_size": plan.target["batch"],
        "learning_rate": max(t.lr for t in plan.tensors),
        "max_grad_norm": plan.clip or 0.0,
    }
