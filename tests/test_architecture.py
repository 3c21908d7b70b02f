"""The house keeps its walls: imports point one way, and files stay small."""

import ast
import pathlib

import pytest

PACKAGE = pathlib.Path(__file__).parent.parent / "xtremedistil"
# Each room may import itself and the rooms before it.
ORDER = [
    "errors",
    "interruption",
    "resources",
    "options",
    "sections",
    "config",
    "progress",
    "disk",
    "artifacts",
    "workers",
    "parts",
    "data",
    "models",
    "scoring",
    "training",
    "distil",
]
ROOMS = {room: set(ORDER[: i + 1]) for i, room in enumerate(ORDER)}
ROOMS["serving"] = set(ORDER) - {"training", "distil"} | {"serving"}
ROOMS["experiments"] = {*ORDER, "serving", "experiments"}
ROOMS["cli"] = {
    "errors",
    "interruption",
    "options",
    "config",
    "artifacts",
    "cli",
    "experiments",
}  # the last inside functions, once flags are read
ROOMS["commands"] = {
    "artifacts",
    "cli",
    "config",
    "errors",
    "interruption",
    "options",
    "experiments",
    "serving",
    "commands",
}
ROOMS["__main__"] = {"cli", "commands"}
ROOMS["__init__"] = set(ROOMS)
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: pathlib.Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: pathlib.Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_there_are_files_to_look_at():
    assert {room_of(path) for path in FILES} == set(ROOMS)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    rooms = {name.split(".")[1] for name in imports_of(path) if name.startswith("xtremedistil.")}
    assert rooms - ROOMS[room_of(path)] - {"__version__"} == set()


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_nothing_unpickles_and_nothing_else_sees_flags(path):
    names = imports_of(path)
    assert not names & {"pickle", "dill", "joblib", "cloudpickle", "torch"}
    sample_tools = {"generate.py", "vocabulary.py"}
    if path.name not in {"cli.py", *sample_tools}:
        assert not {name for name in names if name.startswith("absl.flags")}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_are_small(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
