"""Teacher and student as functional Keras models, and their weights on disk."""
