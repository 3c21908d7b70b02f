"""The method: losses, teacher targets, strategies, and the steps that they are made of."""
