"""The programs from start to end: flags to options to one call, and errors as messages."""

import dataclasses
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from absl import app, logging

from xtremedistil.cli import flags, help, output
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
        call: does it, with the options, and with a run's config if it takes one. Returns its
            results, unless it writes them as they come.
        of_run: whether it has all the flags of a run too.
        streams: whether it writes its results as they come.
    """

    help: str
    options: type[Checked]
    call: Callable[..., output.Results | None]
    of_run: bool = False
    streams: bool = False

    @property
    def output(self) -> type[output.OutputOptions]:
        """Flags that say what it says."""
        return output.OutputOptions if self.streams else output.ResultOptions


def run(script: str, about: str, stage: str | None = None) -> None:
    """The whole of `run_distil.py` and `run_teacher.py`.

    Args:
        script: path of the program; `flags/` is beside it.
        about: what it does, for --help.
        stage: how far to go, if the program and not the flag decides.
    """
    kind = output.ResultOptions
    flags.define_flags(kind)
    flags.define_run_flags()
    help.show_on_help(lambda: help.help_of_run(about, ("stage",) if stage else (), None, kind))

    def work() -> output.Results | None:
        if flags.use_sample_flags(os.path.dirname(os.path.abspath(script))):
            logging.info(_SAMPLE_NOTICE)
        config = flags.read_config()
        if stage:
            config = dataclasses.replace(config, run=dataclasses.replace(config.run, stage=stage))
        quiet_tensorflow()  # after the flags: TensorFlow is slow to import
        from xtremedistil.experiments.main import conclude

        found = conclude(config)
        if found and config.run.stage == "all":
            _write_page(config.run.output_dir)
        return found and output.Results(*found)

    app.run(lambda argv: _guarded(work, kind, argv))


def _write_page(folder: str) -> None:
    """The page of a run that is done, where the libraries for it are installed."""
    try:
        from xtremedistil.report.report import write_report

        logging.info("%s", write_report(folder, page=True))
    except ConfigError as missing:
        logging.info("no page of this run was written: %s", missing)


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
    about = f"{name}: {command.help}"
    flags.define_flags(command.output)
    flags.define_flags(command.options)
    if command.of_run:
        flags.define_run_flags()
        help.show_on_help(lambda: help.help_of_run(about, (), command.options, command.output))
    else:
        help.show_on_help(lambda: help.help_of_command(about, command.options, command.output))

    def work() -> output.Results | None:
        given = flags.read_options(command.options)
        return command.call(given, flags.read_config()) if command.of_run else command.call(given)

    app.run(
        lambda argv: _guarded(work, command.output, argv),
        argv=[f"xtremedistil {name}", *sys.argv[2:]],
    )


def _usage(commands: Mapping[str, Command]) -> str:
    lines = [f"  {name:10} {command.help}" for name, command in commands.items()]
    return "\n".join([_USAGE, "", *lines])


def _guarded(
    work: Callable[[], output.Results | None], kind: type[output.OutputOptions], argv: list[str]
) -> int:
    """Does the work and shows its results; an error that the user can mend is one message, not a
    traceback."""
    try:
        if len(argv) > 1:
            raise ConfigError(f"options are given as --name=value. Received: {' '.join(argv[1:])}")
        asked = flags.read_options(kind)
        output.prepare(asked.quiet)
        with signals.handled():
            results = work()
        if results:
            output.show(results, getattr(asked, "json", False))
    except XtremeDistilError as error:
        print(f"\nError: {error}", file=sys.stderr)
        return 2
    except signals.Interrupted as stop:
        print(f"\nStopped by {stop}. {_GO_ON}", file=sys.stderr)
        return stop.exit_code
    return 0


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
