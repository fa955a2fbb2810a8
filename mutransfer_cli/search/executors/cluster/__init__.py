"""Ray: its cluster, the head that is watched, and what runs in its tasks."""
