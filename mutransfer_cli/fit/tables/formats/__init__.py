"""File formats of tables, recognized by their content; each returns a `RunTable`."""
