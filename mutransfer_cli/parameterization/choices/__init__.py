"""Questions on which libraries or papers disagree, one module each."""
