"""The programs from start to end: flags to options to one call, and errors as messages."""

import dataclasses
import logging as standard_logging
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from absl import app, logging

from xtremedistil.cli import flags, help
from xtremedistil.config.option import Checked
from xtremedistil.runtime import signals
from xtremedistil.runtime.errors import ConfigError, XtremeDistilError

_SAMPLE_NOTICE = (
    "No --data_dir and no --teacher: the embedded sample corpus (synthetic, 41 languages) and a "
    f"small teacher trained from scratch, with the values of {flags.SAMPLE_FLAGS}."
)
_GO_ON = "What is done is kept: run the same command again, and it goes on from here."
_USAGE = "python -m xtremedistil COMMAND --flag=value ...  (COMMAND --help lists the flags)"


@dataclass(frozen=True)
class Command:
    """A command of `python -m xtremedistil`.

    Attributes:
        help: one line.
        options: dataclass of its flags.
        call: does it, with the options, and with a run's config if it takes one.
        of_run: whether it has all the flags of a run too.
        more: what --help says after that line.
    """

    help: str
    options: type[Checked]
    call: Callable[..., None]
    of_run: bool = False
    more: str = ""


def run(script: str, about: str, stage: str | None = None) -> None:
    """The whole of `run_distil.py` and `run_teacher.py`.

    Args:
        script: path of the program; `flags/` is beside it.
        about: what it does, for --help.
        stage: how far to go, if the program and not the flag decides.
    """
    flags.define_run_flags()
    help.show_on_help(lambda: help.help_of_run(about, without=("stage",) if stage else ()))

    def work() -> None:
        if flags.use_sample_flags(os.path.dirname(os.path.abspath(script))):
            print(_SAMPLE_NOTICE, flush=True)
        config = flags.read_config()
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
    about = f"{name}: {command.help}{command.more and f', {command.more}'}"
    flags.define_flags(command.options)
    if command.of_run:
        flags.define_run_flags()
        help.show_on_help(lambda: help.help_of_run(about, first=command.options))
    else:
        help.show_on_help(lambda: help.help_of_command(about, command.options))

    def work() -> None:
        given = flags.read_options(command.options)
        if command.of_run:
            command.call(given, flags.read_config())
        else:
            command.call(given)

    app.run(lambda argv: _guarded(work, argv), argv=[f"xtremedistil {name}", *sys.argv[2:]])


def _usage(commands: Mapping[str, Command]) -> str:
    lines = [f"  {name:10} {command.help}" for name, command in commands.items()]
    return "\n".join([_USAGE, "", *lines])


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
