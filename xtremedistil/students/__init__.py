"""Models to distil into, and their folders."""
