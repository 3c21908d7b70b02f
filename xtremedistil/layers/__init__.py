"""What teachers and students have in common: layers, and weights on disk."""
