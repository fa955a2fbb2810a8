"""Whether a process still runs."""

from __future__ import annotations

from mutransfer_cli.search.storage.process_identity import is_dead, this_process


def test_a_process_is_dead_only_where_that_can_be_seen() -> None:
    me = this_process()
    assert not is_dead(me)
    assert is_dead({**me, "started": "1"})
    assert is_dead({**me, "pid": 2**22 + 1})
    assert not is_dead({**me, "pid": 2**22 + 1, "place": "another boot"})
