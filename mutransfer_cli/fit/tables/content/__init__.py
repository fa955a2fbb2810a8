"""The table itself: cells, columns, rows with positions, and what was understood of them."""
