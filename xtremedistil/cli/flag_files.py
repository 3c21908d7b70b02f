"""Flag files: those that come with the package are found by name, from any folder.

absl opens paths alone, from where a program is started; so `--flagfile` is read here before absl
sees the flags.
"""

import os
import pathlib
from collections.abc import Iterator, Sequence

import xtremedistil
from xtremedistil.runtime.errors import ConfigError

SAMPLE = "sample"
_PACKAGE = pathlib.Path(xtremedistil.__file__).parent
_HOMES = (_PACKAGE / "flags", _PACKAGE.parent / "flags")  # of what is installed; of a checkout
_ENDING = ".flags"


def names() -> list[str]:
    """Of the flag files that come with the package."""
    home = next(filter(pathlib.Path.is_dir, _HOMES), None)
    return sorted(path.stem for path in home.glob(f"*{_ENDING}")) if home else []


def find(given: str) -> str:
    """The path of a flag file.

    Args:
        given: a path; or the name of one that comes with the package, as in `sample`,
            `sample.flags` or `flags/sample.flags`. A file of that path goes first.

    Raises:
        ConfigError: there is neither.
    """
    if os.path.isfile(given):
        return given
    name = given.removeprefix("flags/").removesuffix(_ENDING)
    if name not in names():
        raise ConfigError(
            f"--flagfile takes a path, or one of {', '.join(names())}. Received: flagfile={given!r}"
        )
    return next(str(path) for home in _HOMES if (path := home / (name + _ENDING)).is_file())


def read(path: str) -> Iterator[str]:
    """The flags of a file, one a line; comments begin with # or //."""
    with open(path, encoding="utf-8") as file:
        for line in map(str.strip, file):
            if line and not line.startswith(("#", "//")):
                yield line


def expanded(arguments: Sequence[str], inside: Sequence[str] = ()) -> list[str]:
    """Arguments with the content of each flag file in the place of its name.

    Args:
        arguments: of a command line, or lines of a flag file.
        inside: the flag files that these are from, outermost first.

    Raises:
        ConfigError: no such file, or one that holds itself.
    """
    found, rest = [], iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        if name not in ("--flagfile", "-flagfile"):
            found.append(argument)
            continue
        path = find(value if equals else next(rest, ""))
        if path in inside:
            raise ConfigError(f"a flag file may not hold itself. Received: flagfile={path!r}")
        found += expanded([*read(path)], [*inside, path])
    return found
