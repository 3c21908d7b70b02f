"""Several classes of a head as one."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


class JoinClasses(keras.layers.Layer):
    """Logits of groups of classes.

    The logit of a group is the log of the sum of the exponentials of its classes' logits: a softmax
    over groups then gives each the sum of its classes' probabilities, and a group of one class
    keeps its logit.
    """

    def __init__(self, groups: Sequence[Sequence[int]], **options: Any):
        """Args:
        groups: the classes of each.
        **options: of every layer.
        """
        super().__init__(**options)
        self.groups = [list(group) for group in groups]

    def call(self, logits: Any) -> Any:
        """From `(..., classes)` to `(..., groups)`."""
        parts = [ops.take(logits, group, axis=-1) for group in self.groups]
        return ops.concatenate([ops.logsumexp(p, axis=-1, keepdims=True) for p in parts], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """What the layer is made from."""
        return super().get_config() | {"groups": self.groups}
