"""Loads plans from JSON documents and from files that hold them."""

from __future__ import annotations

from pathlib import Path

from mutransfer_cli.documents.plan import PlanDocument
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.plans.serialization import read_document
from mutransfer_cli.plans.types import Site, TensorPlan


def plan_of(document: PlanDocument) -> Plan:
    """The plan that a document holds."""
    return Plan(
        tensors=tuple(TensorPlan(**t.model_dump()) for t in document.tensors),
        forward=dict(document.forward),
        sites={k: Site(s.how, s.modules, s.attribute) for k, s in document.sites.items()},
        form=document.form,
        parameterization=document.parameterization,
        optimizer=document.optimizer,
        betas=document.betas,
        momentum=document.momentum,
        nesterov=document.nesterov,
        adjust_lr=document.adjust_lr,
        adjust_lr_factor=document.adjust_lr_factor,
        clip=document.clip,
        base=document.base.model_dump(),
        target=document.target.model_dump(),
    )


def load_plan(path: str | Path) -> Plan:
    """Read a plan that `scale --format json` or `Plan.save` wrote.

    Learning rates, weight decays, epsilons and init standard deviations in it are final, in the
    units of torch's optimizers; sizes are width, depth, examples per step and steps. See `Plan` for
    how to use it. A number of a tensor that was edited by hand is taken as it is; sizes cannot be
    edited, since the numbers would stay those of the old ones.

    Raises:
        InputError: The file is missing, or is not a plan; it names an optimizer or a convention
            that is not known here, or its sizes are not those of its multipliers.
    """
    return plan_of(read_document(Path(path)))
