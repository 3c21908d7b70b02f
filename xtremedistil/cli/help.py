"""What --help prints: a program's flags by section, with their defaults and legal values.

absl's own help lists the flags of the main module alone, and these are defined in the package.
"""

import dataclasses
import shutil
import sys
import textwrap
import typing
from collections.abc import Callable, Sequence
from typing import Any

from absl import app, flags

from xtremedistil.cli import flag_files
from xtremedistil.cli.flags import CONFIG_HELP
from xtremedistil.cli.output import reader_may_leave
from xtremedistil.config import Config, recipes
from xtremedistil.config.option import Checked, field_type

_WIDEST, _NARROWEST = 100, 40
_INDENT = 6


def show_on_help(text: Callable[[], str]) -> None:
    """Lets --help print a text and end the program, in place of absl's."""
    app.define_help_flags()  # absl would define its own later
    flags.DEFINE_flag(_HelpFlag("help", text, short_name="?", allow_override=True))
    flags.DEFINE_flag(_HelpFlag("helpshort", text, allow_override=True))


class _HelpFlag(flags.BooleanFlag):
    """Prints a text as soon as it is parsed, and ends the program."""

    def __init__(self, name: str, text: Callable[[], str], **settings: Any):
        super().__init__(name, False, "show this help", **settings)
        self._text = text

    def parse(self, argument: Any) -> None:
        super().parse(argument)
        if self.value:
            with reader_may_leave():
                print(self._text())
            sys.exit(0)


def help_of_run(
    about: str, without: Sequence[str], first: type[Checked] | None, output: type[Checked]
) -> str:
    """The help of a program that has a run's flags.

    Args:
        about: what it does.
        without: options that the program decides.
        first: options of its own.
        output: options of what it says.
    """
    sections = [_section("Options", first)] if first else []
    for section in dataclasses.fields(Config):
        lines = _section(section.name.capitalize(), section.type, without)
        if section.name == "run":
            lines += _flag("--config=FILE", "", CONFIG_HELP)
            names = "|".join(recipes.RECIPES)
            lines += _flag(f"--recipe={names}", f"[{recipes.DEFAULT}]", recipes.HELP)
        sections.append(lines)
    return _page(about, [*sections, _section("Output", output)])


def help_of_command(about: str, kind: type[Checked], output: type[Checked]) -> str:
    """The help of a command with options of its own alone, and of what it says."""
    return _page(about, [_section("Options", kind), _section("Output", output)])


def _page(about: str, sections: Sequence[Sequence[str]]) -> str:
    ours = ", ".join(flag_files.names())
    of_absl = [
        "Flags of absl",
        *_flag("--flagfile=FILE", "", f"Reads flags from a file, one a line; or from {ours}."),
        *_flag("--helpfull", "", "Lists every flag, absl's own too."),
    ]
    return "\n\n".join("\n".join(lines) for lines in ([_wrapped(about)], *sections, of_absl))


def _width() -> int:
    return max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size().columns))


def _wrapped(text: str, indent: int = 0) -> str:
    space = " " * indent
    return textwrap.fill(
        text,
        _width(),
        initial_indent=space,
        subsequent_indent=space,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _section(title: str, kind: type[Checked], without: Sequence[str] = ()) -> list[str]:
    lines = [title]
    for field in dataclasses.fields(kind):
        if field.name not in without:
            lines += _option(field)
    return lines


def _option(field: dataclasses.Field) -> list[str]:
    text, choices = field.metadata["help"], field.metadata["choices"]
    if field_type(field) is bool:
        return _flag(f"--[no]{field.name}", _default(field), text)
    lines = _flag(f"--{field.name}={_value(field)}", _default(field), text)
    if choices and len(lines[0]) > _width():
        lines = _flag(f"--{field.name}=NAME", _default(field), text)
        lines.append(_wrapped(f"One of {', '.join(choices)}.", _INDENT))
    return lines


def _value(field: dataclasses.Field) -> str:
    """What stands for a value."""
    kind, choices = field_type(field), field.metadata["choices"]
    is_list = typing.get_origin(kind) is tuple
    item = typing.get_args(kind)[0] if is_list else kind
    value = "|".join(choices) if choices else {int: "N", float: "X", str: "TEXT"}[item]
    if field.metadata["repeated"]:
        return f"{value} (repeated)"
    return f"{value},..." if is_list else value


def _flag(spelling: str, default: str, text: str) -> list[str]:
    return [f"{' ' * (_INDENT // 3)}{spelling}   {default}".rstrip(), _wrapped(text, _INDENT)]


def _default(field: dataclasses.Field) -> str:
    """The default, and what numbers are legal."""
    value, low, high = field.default, field.metadata["low"], field.metadata["high"]
    if isinstance(value, tuple):
        shown = ",".join(map(str, value))
    elif isinstance(value, bool):
        shown = "on" if value else "off"
    else:
        shown = str(value)
    limits = [f"from {low:g}"] if low else []
    limits += [f"up to {high:g}"] if high is not None else []
    return f"[{'; '.join([shown or 'empty', *limits])}]"
