"""How much better one model is than another on the same sentences, and how sure that is."""

import numpy as np

from xtremedistil.scoring.metrics import percentiles, resampled_means


def difference_interval(
    first: np.ndarray,
    second: np.ndarray,
    language: np.ndarray,
    samples: int = 1000,
    seed: int = 0,
) -> dict[str, float] | None:
    """The difference of two mean scores, with a paired bootstrap interval: every sample draws the
    same sentences for both models, so that what is hard for both cancels out.

    Args:
        first, second: `(sentences, 3)`: correct, predicted, true items of each sentence.
        language: `(sentences,)`; each language is resampled by itself.
        samples: bootstrap samples.
        seed: of the resampling.

    Returns:
        `percent`, the first score less the second in points, and its 2.5 and 97.5 percentiles as
        `low` and `high`; None where nothing is there to be found. Languages of which that is so
        count for neither model, as in the mean of `by_language`.
    """
    present = np.bincount(language, first[:, 2]) > 0
    rows = present[language]
    if not rows.any():
        return None
    means = resampled_means(first[rows], second[rows], language[rows], samples, seed)
    return percentiles(means[:, 0] - means[:, 1])
