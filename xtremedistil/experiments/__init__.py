"""Whole runs, their results, and what is made of many of them."""
