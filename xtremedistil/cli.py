"""absl flags, derived from the config's dataclasses, and the way back. Nothing else in the package
sees FLAGS."""

import dataclasses
import logging as standard_logging
import os
import sys
import tempfile
import typing
from typing import Any

from absl import app, flags, logging

from xtremedistil import interruption
from xtremedistil.config import Config, options
from xtremedistil.errors import ConfigError, XtremeDistilError
from xtremedistil.options import field_type

SAMPLE_FLAGS = os.path.join("flags", "sample.flags")
SAMPLE_NOTICE = (
    "No --data_dir and no --teacher: the embedded sample corpus (synthetic, 41 languages) and a "
    "small teacher trained from "
    f"scratch, with the values of {SAMPLE_FLAGS}."
)
_GO_ON = "What is done is kept: run the same command again, and it goes on from here."
FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines one flag for each option of the config."""
    for name, (_, field) in options().items():
        kind, text = field_type(field), field.metadata["help"]
        low, high, choices = (field.metadata[key] for key in ("low", "high", "choices"))
        if typing.get_origin(kind) is tuple:
            flags.DEFINE_list(name, [str(item) for item in field.default], text)
        elif kind is bool:
            flags.DEFINE_bool(name, field.default, text)
        elif kind is int:
            flags.DEFINE_integer(name, field.default, text, lower_bound=low, upper_bound=high)
        elif kind is float:
            flags.DEFINE_float(name, field.default, text, lower_bound=low, upper_bound=high)
        elif choices:
            flags.DEFINE_enum(name, field.default, choices, text)
        else:
            flags.DEFINE_string(name, field.default, text)
    flags.DEFINE_string(
        "config", None, "A run's config.json to repeat; flags given beside it change it."
    )


def config_from_flags() -> Config:
    """The config that the parsed flags describe.

    Raises:
        ConfigError: a value is illegal.
    """
    values: dict[str, dict[str, Any]] = {}
    if FLAGS.config:
        from xtremedistil import artifacts  # only here: it knows other file systems

        values = Config.from_dict(artifacts.read_json(FLAGS.config)).to_dict()
    for name, (section, field) in options().items():
        if FLAGS.config and not FLAGS[name].present:
            continue
        value, kind = FLAGS[name].value, field_type(field)
        if typing.get_origin(kind) is tuple:
            item = typing.get_args(kind)[0]
            value = tuple(_item(text, item, name) for text in value) or field.default
        values.setdefault(section, {})[name] = value
    return Config.from_dict(values)


def _item(text: str, kind: type, name: str) -> Any:
    try:
        return kind(text.strip())
    except ValueError as error:
        raise ConfigError(f"--{name} takes {kind.__name__} values. Received: {text!r}") from error


def use_sample_flags(top: str) -> bool:
    """Without data and teacher, takes every value that was not given from `flags/sample.flags`.

    Args:
        top: the folder that holds `flags/`.

    Returns:
        Whether it did.
    """
    if FLAGS.config or FLAGS["data_dir"].present or FLAGS["teacher"].present:
        return False
    with open(os.path.join(top, SAMPLE_FLAGS), encoding="utf-8") as file:
        lines = [line.strip() for line in file if line.startswith("--")]
    for line in lines:
        name, _, value = line.removeprefix("--").partition("=")
        if not FLAGS[name].present:
            FLAGS[name].parse(value)
    return True


def run(script: str, stage: str | None = None) -> None:
    """The whole of `run_distil.py` and `run_teacher.py`: flags to config to one call.

    An error that the user can mend is one message, not a traceback.

    Args:
        script: path of the program; `flags/` is beside it.
        stage: how far to go, if the program and not the flag decides.
    """
    define_flags()

    def main(argv: list[str]) -> int:
        try:
            if len(argv) > 1:
                raise ConfigError(
                    f"options are given as --name=value. Received: {' '.join(argv[1:])}"
                )
            if use_sample_flags(os.path.dirname(os.path.abspath(script))):
                print(SAMPLE_NOTICE, flush=True)
            config = config_from_flags()
            if stage:
                config = dataclasses.replace(
                    config, run=dataclasses.replace(config.run, stage=stage)
                )
            _plain_log()
            quiet_tensorflow()
            from xtremedistil.experiments.main import (
                execute,
            )  # after the flags: TensorFlow is slow to import

            execute(config)
        except XtremeDistilError as error:
            print(f"\nError: {error}", file=sys.stderr)
            return 2
        except interruption.Interrupted as stop:
            print(f"\nStopped by {stop}. {_GO_ON}", file=sys.stderr)
            return stop.exit_code
        return 0

    with interruption.handled():
        app.run(main)


def _plain_log() -> None:
    logging.set_verbosity(logging.INFO)
    logging.get_absl_handler().setFormatter(standard_logging.Formatter("%(message)s"))


def quiet_tensorflow() -> None:
    """Imports TensorFlow without the notices that it prints at start-up; a failed import shows
    them all."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as notices:
        os.dup2(notices.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()  # looks for GPUs now, while it is quiet
            tf.get_logger().setLevel("ERROR")
        except BaseException:
            notices.seek(0)
            os.write(kept, notices.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
