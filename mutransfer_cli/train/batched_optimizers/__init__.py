"""Optimizers that step many trials at once, each with its own rates, decays, betas and epsilons.

The field `batched` of a row in `catalog.optimizers` names the implementation; without one the
optimizer steps trial by trial with its torch class.
"""
