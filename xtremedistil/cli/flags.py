"""absl flags, derived from the config's dataclasses, and the way back. Nothing else in the package
sees FLAGS."""

import dataclasses
import logging as standard_logging
import os
import sys
import tempfile
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from absl import app, flags, logging

from xtremedistil.config import Config, options
from xtremedistil.config.option import field_type
from xtremedistil.runtime import signals
from xtremedistil.runtime.errors import ConfigError, XtremeDistilError

SAMPLE_FLAGS = os.path.join("flags", "sample.flags")
SAMPLE_NOTICE = (
    "No --data_dir and no --teacher: the embedded sample corpus (synthetic, 41 languages) and a "
    f"small teacher trained from scratch, with the values of {SAMPLE_FLAGS}."
)
_GO_ON = "What is done is kept: run the same command again, and it goes on from here."
FLAGS = flags.FLAGS


@dataclass(frozen=True)
class Command:
    """A command of `python -m xtremedistil`.

    Attributes:
        help: one line.
        options: dataclass of its flags.
        call: does it, with the options, and with a run's config if it takes one.
        of_run: whether it has all the flags of a run too.
    """

    help: str
    options: type
    call: Callable[..., None]
    of_run: bool = False


def define_flags() -> None:
    """Defines one flag for each option of the config."""
    for name, (_, field) in options().items():
        _define(name, field)
    flags.DEFINE_string(
        "config", None, "A run's config.json to repeat; flags given beside it change it."
    )


def _define(name: str, field: dataclasses.Field) -> None:
    kind, text = field_type(field), field.metadata["help"]
    low, high, choices = (field.metadata[key] for key in ("low", "high", "choices"))
    if field.metadata["repeated"]:
        flags.DEFINE_multi_string(name, list(field.default), text)
    elif typing.get_origin(kind) is tuple:
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


def config_from_flags() -> Config:
    """The config that the parsed flags describe.

    Raises:
        ConfigError: a value is illegal.
    """
    values: dict[str, dict[str, Any]] = {}
    if FLAGS.config:
        from xtremedistil.runtime import files  # only here: it knows other file systems

        values = Config.from_dict(files.read_json(FLAGS.config)).to_dict()
    for name, (section, field) in options().items():
        if not FLAGS.config or FLAGS[name].present:
            values.setdefault(section, {})[name] = _value(name, field)
    return Config.from_dict(values)


def _value(name: str, field: dataclasses.Field) -> Any:
    value, kind = FLAGS[name].value, field_type(field)
    if typing.get_origin(kind) is not tuple:
        return value
    item = typing.get_args(kind)[0]
    return tuple(_item(text, item, name) for text in value or ()) or field.default


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

    Args:
        script: path of the program; `flags/` is beside it.
        stage: how far to go, if the program and not the flag decides.
    """
    define_flags()

    def work() -> None:
        if use_sample_flags(os.path.dirname(os.path.abspath(script))):
            print(SAMPLE_NOTICE, flush=True)
        config = config_from_flags()
        if stage:
            config = dataclasses.replace(config, run=dataclasses.replace(config.run, stage=stage))
        quiet_tensorflow()  # after the flags: TensorFlow is slow to import
        from xtremedistil.experiments.main import execute

        execute(config)

    app.run(lambda argv: _guarded(work, argv))


def run_command(commands: Mapping[str, Command]) -> None:
    """The whole of `python -m xtremedistil COMMAND`.

    Args:
        commands: by name.
    """
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in commands:
        print(_usage(commands), file=sys.stdout if name in ("", "help", "--help") else sys.stderr)
        sys.exit(0 if name in ("", "help", "--help") else 2)
    command = commands[name]
    if command.of_run:
        define_flags()
    for field in dataclasses.fields(command.options):
        _define(field.name, field)

    def work() -> None:
        fields = dataclasses.fields(command.options)
        made = command.options(**{field.name: _value(field.name, field) for field in fields})
        if command.of_run:
            command.call(made, config_from_flags())
        else:
            command.call(made)

    sys.modules["__main__"].__doc__ = f"{name}: {command.help}"  # what --help begins with
    app.run(lambda argv: _guarded(work, argv), argv=[f"xtremedistil {name}", *sys.argv[2:]])


def _usage(commands: Mapping[str, Command]) -> str:
    lines = [f"  {name:10} {command.help}" for name, command in commands.items()]
    head = "python -m xtremedistil COMMAND --flag=value ...  (COMMAND --help lists the flags)"
    return "\n".join([head, "", *lines])


def _guarded(work: Callable[[], None], argv: list[str]) -> int:
    """Does the work; an error that the user can mend is one message, not a traceback."""
    try:
        if len(argv) > 1:
            raise ConfigError(f"options are given as --name=value. Received: {' '.join(argv[1:])}")
        _plain_log()
        with signals.handled():
            work()
    except XtremeDistilError as error:
        print(f"\nError: {error}", file=sys.stderr)
        return 2
    except signals.Interrupted as stop:
        print(f"\nStopped by {stop}. {_GO_ON}", file=sys.stderr)
        return stop.exit_code
    return 0


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
