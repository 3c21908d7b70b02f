"""Predictions and scores, the same for teacher and student."""
