"""The programs from start to end: flags to options to one call, and errors as messages."""

import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from absl import app, logging
from absl import flags as absl_flags

from xtremedistil.cli import flag_files, flags, help, output
from xtremedistil.config.option import Checked
from xtremedistil.runtime import signals
from xtremedistil.runtime.errors import ConfigError, XtremeDistilError
from xtremedistil.runtime.machine import take_large_pages

_SAMPLE_NOTICE = (
    "No --data_dir and no --teacher: the embedded sample corpus (synthetic, 41 languages) and a "
    "small teacher trained from scratch, with the values of flags/sample.flags."
)
_GO_ON = "What is done is kept: run the same command again, and it goes on from here."
_USAGE = "xtremedistil COMMAND --flag=value ...  (COMMAND --help lists the flags)"
_HELP = ("help", "--help", "-h")


@dataclass(frozen=True)
class Command:
    """A command of `xtremedistil`.

    Attributes:
        help: one line.
        options: dataclass of its flags; None where it has those of a run alone.
        call: does it, with the options, and with a run's config if it takes one. Returns its
            results, unless it writes them as they come.
        of_run: whether it has all the flags of a run too.
        decides: options of a run that it decides itself.
        has_sample: whether the sample corpus stands in for data and a teacher that are not given.
        streams: whether it writes its results as they come.
        more: what --help says after that line.
    """

    help: str
    options: type[Checked] | None
    call: Callable[..., output.Results | None]
    of_run: bool = False
    decides: tuple[str, ...] = ()
    has_sample: bool = False
    streams: bool = False
    more: str = ""

    @property
    def output(self) -> type[output.OutputOptions]:
        """Flags that say what it says."""
        return output.OutputOptions if self.streams else output.ResultOptions


def choose(commands: Mapping[str, Command]) -> None:
    """The whole of `xtremedistil COMMAND`.

    Args:
        commands: by name.
    """
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name in commands:
        run(name, commands[name], sys.argv[2:])
    elif name in ("", *_HELP):
        with output.reader_may_leave():
            print(_usage(commands))
    else:
        mistake = ConfigError(f"there is no such command. Received: {name}")
        sys.exit(_say(mistake, _usage(commands)))


def _usage(commands: Mapping[str, Command]) -> str:
    widest = max(map(len, commands))
    lines = [f"  {name:{widest}}  {command.help}" for name, command in commands.items()]
    return "\n".join([_USAGE, "", *lines])


def run(name: str, command: Command, arguments: Sequence[str]) -> None:
    """The whole of one command.

    Args:
        name: of it.
        command: what it is.
        arguments: its flags.
    """
    if command.of_run:
        take_large_pages()
    flags.define_flags(command.output)
    if command.options:
        flags.define_flags(command.options)
    if command.of_run:
        flags.define_run_flags()
    about = ", ".join(filter(None, [command.help, command.more]))
    help.show_on_help(lambda: _help(f"{name}: {about}", command))

    def work() -> output.Results | None:
        given = [flags.read_options(command.options)] if command.options else []
        if command.has_sample and flags.use_sample_flags():
            logging.info(_SAMPLE_NOTICE)
        return command.call(*given, *([flags.read_config()] if command.of_run else []))

    try:
        flags_alone = flag_files.expanded(arguments)
    except ConfigError as error:
        sys.exit(_say(error))
    app.run(
        lambda argv: _guarded(work, command.output, argv),
        argv=[f"xtremedistil {name}", *flags_alone],
        flags_parser=_parsed,
    )


def _parsed(argv: list[str]) -> list[str]:
    """What is left when absl has read the flags; a wrong one ends the program."""
    try:
        return absl_flags.FLAGS(argv)
    except absl_flags.Error as error:
        sys.exit(_say(ConfigError(f"{str(error).rstrip('.')}. --help lists the flags.")))


def _help(about: str, command: Command) -> str:
    if command.of_run:
        return help.help_of_run(about, command.decides, command.options, command.output)
    return help.help_of_command(about, command.options, command.output)


def _say(error: XtremeDistilError, more: str = "") -> int:
    """Writes what the user can mend to standard error; the exit code."""
    print(f"\nError: {error}", *([more] if more else []), sep="\n\n", file=sys.stderr)
    return 2


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
        return _say(error)
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
        except Exception:
            notices.seek(0)
            os.write(kept, notices.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
