"""Recipes: values for what the paper leaves open, by name.

A recipe gives defaults and nothing else: a flag that is given wins, a run's config.json holds the
values, and no other code asks for a recipe's name. `best` is what was measured to give the most F1
for the work (docs/method.md, "The recipe"): the defaults of the options themselves. `paper` is the
paper's own setting where the two differ.
"""

from collections.abc import Mapping
from typing import Any

DEFAULT = "best"
RECIPES: Mapping[str, Mapping[str, Any]] = {
    "best": {},
    "paper": {
        "representation_loss": "kld",
        "projection": "gelu",
        "batch_size": 512,
        "label_batch_size": 0,
        "learning_rate": 1e-3,
        "label_learning_rate": 0.0,
        "embedding_rate": 1.0,
        "embedding_map": 0.0,
        "patience": 0,
        "other_pieces": "unknown",
    },
}
HELP = (
    "Where defaults come from. best: the measured best for the work; paper: the paper's own "
    "losses, batches and rates. A flag that is given wins over both."
)
