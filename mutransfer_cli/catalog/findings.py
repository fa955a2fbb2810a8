"""Findings of `check`: the codes in its document, what each means, and its repair.

To add a finding, add a row here and measure it in `coordcheck`. The document's enum, the
baseline's codes and the tables of the documentation come from these rows.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingEntry:
    """A row for a finding.

    Attributes:
        code: Identifier in the JSON document and in baselines.
        meaning: What is wrong, as a sentence for the documentation.
        repair: What to change, with a placeholder in braces for each measured value.
    """

    code: str
    meaning: str
    repair: str

    def fix(self, **values: object) -> str:
        """The repair as a sentence, with the placeholders of `repair` filled from `values`."""
        return self.repair.format(**values)


FINDINGS = {
    row.code: row
    for row in (
        FindingEntry(
            code="lr-too-large",
            meaning="The effect of a tensor's update grows with the size: its learning rate is too "
            "large at large sizes.",
            repair="learning rate: {change}",
        ),
        FindingEntry(
            code="lr-too-small",
            meaning="The effect of a tensor's update shrinks with the size: its learning rate is "
            "too small at large sizes.",
            repair="learning rate: {change}",
        ),
        FindingEntry(
            code="init-too-large",
            meaning="A module's gain at init grows with the width: the init standard deviation of "
            "its matrix is too large.",
            repair="init: {change}",
        ),
        FindingEntry(
            code="init-too-small",
            meaning="A module's gain at init shrinks with the width: the init standard deviation "
            "of its matrix is too small.",
            repair="init: {change}",
        ),
        FindingEntry(
            code="multiplier-missing",
            meaning="Outputs and updates of the readout grow alike: its forward multiplier is "
            "missing.",
            repair="multiply {what} by 1/{power}, m = width / base width",
        ),
        FindingEntry(
            code="attention-scale",
            meaning="The scale of q·k does not follow a head size that grows with the width, or "
            "changes with the width though the head size is fixed.",
            repair="scale of q·k: use {scale} (equal to today's {today} at head size {head_size})",
        ),
        FindingEntry(
            code="activation-scale",
            meaning="Activations between two modules are multiplied by a power of the width, at "
            "init and in their changes.",
            repair="{change}",
        ),
        FindingEntry(
            code="sum-over-width",
            meaning="A sum over the width of activations, such as a dot product or a distance of "
            "two, grows with the width in training.",
            repair="multiply the sum by 1/{power}, m = width / base width",
        ),
        FindingEntry(
            code="weight-decay",
            meaning="The decay per step, lr × weight_decay, changes with the width: a warning.",
            repair="weight decay: {change}, so that lr × weight_decay is constant",
        ),
        FindingEntry(
            code="epsilon",
            meaning="Epsilon does not follow the gradient, which shrinks with the width, and takes "
            "a growing part of the update.",
            repair="epsilon: divide it by m, m = width / base width, or use a far smaller one",
        ),
        FindingEntry(
            code="residual-scale",
            meaning="The residual stream, or its change, depends on the depth.",
            repair="multiply every branch by m^-1 (or m^-1/2), m = depth / base depth",
        ),
        FindingEntry(
            code="not-trained",
            meaning="No effect of the tensor's update was measured.",
            repair="give it to the optimizer, and make sure that a gradient reaches it",
        ),
        FindingEntry(
            code="lazy",
            meaning="Each block learns less in a deeper network.",
            repair="multiply every branch by m^-1 and keep the learning rates in the blocks "
            "constant in depth (depth_alpha: 1)",
        ),
        FindingEntry(
            code="unstable",
            meaning="The loss is not finite after a few steps.",
            repair="repair the tensors that fail, or use smaller learning rates",
        ),
    )
}


def known_finding(code: str) -> str:
    """Return the code if it is that of a known finding.

    Raises:
        ValueError: There is no such finding.
    """
    if code not in FINDINGS:
        raise ValueError(f"{code!r} is not a finding; expected one of {', '.join(FINDINGS)}")
    return code
