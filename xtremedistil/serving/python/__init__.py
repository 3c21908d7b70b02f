"""Text to entities in Python, whatever runs the network."""
