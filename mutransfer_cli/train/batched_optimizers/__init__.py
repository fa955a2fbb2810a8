"""The optimizer step of many trials, each with its own rates, decays, betas and epsilons.

Found through the field `batched` of a row in `catalog.optimizers`; an optimizer without it steps
trial by trial with its torch class.
"""
