"""Text to entities as a TensorFlow graph."""
