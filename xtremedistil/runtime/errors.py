"""The errors that a user can mend: each says the rule that was broken, then what was received."""

from collections.abc import Sequence


class XtremeDistilError(ValueError):
    """Base of every error that this package raises on purpose."""


class ConfigError(XtremeDistilError):
    """A flag, or two flags together, ask for something impossible."""


class DataError(XtremeDistilError):
    """A data file, or a set of them, breaks a rule of its format."""


class CheckpointError(XtremeDistilError):
    """A teacher folder or a student bundle cannot be used as it is."""


class ArtifactError(XtremeDistilError):
    """A file of a run's directory is missing, altered, locked, or belongs to another run."""


class TrainingError(XtremeDistilError):
    """Training itself went wrong, such as a loss that is no longer finite."""


def listed(names: Sequence[str]) -> str:
    """Names for an error, cut at twenty."""
    more = f" and {len(names) - 20:,} more" if len(names) > 20 else ""
    return ", ".join(names[:20]) + more
