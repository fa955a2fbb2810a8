"""Groups the trials of a run by what they were made with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mutransfer_cli.documents.summary import MadeWith
from mutransfer_cli.search.provenance.provenance import joined
from mutransfer_cli.search.storage.run import Run


def made_with(run: Run) -> tuple[MadeWith, ...]:
    """The groups that have trials, the oldest first.

    Raises:
        InputError: The study cannot be read.
    """
    counts = Counter(record.provenance for record in run.records)
    groups = []
    if counts[None]:
        groups.append(MadeWith(id=None, trials=counts[None]))
    before = None
    for stored in run.provenances:
        number = counts[stored.provenance.id]
        if not number:
            continue
        changes = () if before is None else tuple(before.changes_to(stored.provenance))
        groups.append(
            MadeWith(
                id=stored.provenance.id, trials=number, since=stored.since or None, changes=changes
            )
        )
        before = stored.provenance
    return tuple(groups)


def mixture_note(groups: tuple[MadeWith, ...]) -> str | None:
    """A note where trials of one fit were made with different things; None: all with the same."""
    if len(groups) < 2:
        return None
    changes = [change for group in groups for change in group.changes]
    what = joined(list(dict.fromkeys(changes))) or "what the oldest were made with is unknown"
    counts = " + ".join(str(group.trials) for group in groups)
    return f"the trials ({counts}) were not all made with the same: {what}"


def made_with_lines(groups: tuple[MadeWith, ...]) -> Iterator[str]:
    """A line for each group, where there is more than one."""
    if len(groups) < 2:
        return
    for group in groups:
        since = f" since {group.since[:16]}" if group.since else ""
        changes = f": {joined(list(group.changes))}" if group.changes else ""
        yield f"{group.trials} trials made with {group.id or 'unknown code'}{since}{changes}"
