"""absl flags, derived from dataclasses of options, and the way back. Nothing else in the package
sees FLAGS."""

import dataclasses
import typing
from typing import Any, TypeVar

from absl import flags

from xtremedistil.cli import flag_files
from xtremedistil.config import Config, options, recipes
from xtremedistil.config.option import Checked, field_type
from xtremedistil.runtime.errors import ConfigError

CONFIG_HELP = "A run's config.json to repeat; flags given beside it change it."
FLAGS = flags.FLAGS

_Options = TypeVar("_Options", bound=Checked)


def define_run_flags() -> None:
    """Defines one flag for each option of a run, --config and --recipe."""
    for name, (_, field) in options().items():
        _define(name, field)
    flags.DEFINE_enum("recipe", recipes.DEFAULT, list(recipes.RECIPES), recipes.HELP)
    flags.DEFINE_string("config", None, CONFIG_HELP)


def define_flags(kind: type[Checked]) -> None:
    """Defines one flag for each option of a dataclass."""
    for field in dataclasses.fields(kind):
        _define(field.name, field)


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


def read_config() -> Config:
    """The config that the parsed flags describe.

    Raises:
        ConfigError: a value is illegal.
    """
    values: dict[str, dict[str, Any]] = {}
    if FLAGS.config:
        from xtremedistil.runtime import files  # only here: it knows other file systems

        values = Config.from_dict(files.read_json(FLAGS.config)).to_dict()
    recipe = {}
    if not FLAGS.config or FLAGS["recipe"].present:  # else what was recorded holds
        recipe = recipes.RECIPES[FLAGS.recipe]
    for name, (section, field) in options().items():
        if name in recipe and not FLAGS[name].present:
            values.setdefault(section, {})[name] = recipe[name]
        elif not FLAGS.config or FLAGS[name].present:
            values.setdefault(section, {})[name] = _value(name, field)
    return Config.from_dict(values)


def read_options(kind: type[_Options]) -> _Options:
    """The options of a dataclass that the parsed flags describe.

    Raises:
        ConfigError: a value is illegal.
    """
    return kind(**{field.name: _value(field.name, field) for field in dataclasses.fields(kind)})


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


def use_sample_flags() -> bool:
    """Without data, text and teacher, takes what was not given from the flag file of the sample.

    Returns:
        Whether it did.
    """
    given = ("data_dir", "teacher", "transfer_file")
    if FLAGS.config or any(FLAGS[name].present for name in given):
        return False
    for line in flag_files.read(flag_files.find(flag_files.SAMPLE)):
        name, _, value = line.removeprefix("--").partition("=")
        if not FLAGS[name].present:
            FLAGS[name].parse(value)
    return True
