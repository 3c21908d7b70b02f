"""A student on its own: exports, predictions, speed. Needs no teacher and no trainer."""
