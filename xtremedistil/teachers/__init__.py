"""Encoders to distil from, and their checkpoints: the only room that knows how one is laid out."""
