"""The manual: its links, commands, transcripts and generated pages."""
