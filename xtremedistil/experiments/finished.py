"""Whether a run's folder holds the results of what is asked now."""

import os
from collections.abc import Collection
from typing import Any

from absl import logging

from xtremedistil.config import Config
from xtremedistil.config.option import deciding_options
from xtremedistil.report.schema import RESULTS
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError, ConfigError


def is_finished(config: Config, undecided: Collection[str] = ()) -> bool:
    """Whether a run has ended, with the options that it is asked now.

    Options that decide no result (`config.option`) may differ, but for --stage: results of a
    teacher alone are not those of a student.

    Args:
        config: of the run.
        undecided: options whose values are not known yet.

    Raises:
        ArtifactError: its folder holds the results of another configuration, and --overwrite was
            not given.
    """
    path = os.path.join(config.run.output_dir, RESULTS)
    if not files.exists(path):
        return False
    stored, asked = _deciding(_stored(path)), _deciding(config)
    names = [n for n in asked if n not in undecided and stored[n] != asked[n]]
    if not names:
        return True
    changes = "; ".join(f"{n}: {stored[n]!r} there, {asked[n]!r} now" for n in names)
    message = f"{path} holds the results of another run ({changes})."
    if not config.run.overwrite:
        raise ArtifactError(
            f"{message} Choose another --output_dir, or give --overwrite to make them again."
        )
    logging.warning("%s It is made again.", message)
    return False


def _stored(path: str) -> Config:
    try:
        return Config.from_dict(files.read_json(path)["config"])
    except (ConfigError, KeyError, TypeError) as error:
        raise ArtifactError(
            f"{path} does not say what it was made from: remove it, and its run is made again. "
            f"Received: {error!r}"
        ) from error


def _deciding(config: Config) -> dict[str, Any]:
    return {**deciding_options(config), "stage": config.run.stage}
