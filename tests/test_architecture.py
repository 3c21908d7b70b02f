"""The house keeps its walls: imports point one way, and files and rooms stay small."""

import ast
import pathlib
import re

import pytest

PACKAGE = pathlib.Path(__file__).parent.parent / "xtremedistil"
_BELOW_MODELS = {"runtime", "config", "tokenization", "data", "layers"}
_SERVING = {"runtime", "tokenization", "data", "students", "serving.python"}
# The rooms that each room may import, itself left out: data flows down this list.
ROOMS = {
    "runtime": set(),
    "config": {"runtime"},
    "tokenization": {"runtime"},
    "data": {"runtime", "config", "tokenization"},
    "layers": {"runtime"},
    "teachers": _BELOW_MODELS,
    "students": _BELOW_MODELS - {"config"},
    "scoring": {"runtime", "config", "data"},
    "training": {"runtime", "data"},
    "distil": _BELOW_MODELS | {"students", "scoring", "training"},
    "serving.python": _SERVING,
    "serving.graph": _SERVING,
    "serving.native": _SERVING,
    "serving.exports": _SERVING | {"config", "scoring", "serving.graph", "serving.native"},
    "serving": _SERVING | {"serving.graph", "serving.native", "serving.exports"},
    "report": {"runtime"},
}
_SERVED = {"serving", *(f"serving.{room}" for room in ("python", "graph", "native", "exports"))}
ROOMS["benchmark"] = _BELOW_MODELS | {"teachers", "students", *_SERVED}
ROOMS["experiments"] = {*ROOMS, "benchmark"} - {"experiments"}
ROOMS["cli"] = set(ROOMS)
ROOMS["__main__"] = {"cli"}
ROOMS["__init__"] = set(ROOMS)
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(parts: tuple[str, ...]) -> str:
    """The room of a module, from the parts of its name below the package."""
    inner = ".".join(parts[:2])
    return inner if inner in ROOMS else parts[0]


def parts_of(path: pathlib.Path) -> tuple[str, ...]:
    return path.relative_to(PACKAGE).with_suffix("").parts


def imports_of(path: pathlib.Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def lines_of(path: pathlib.Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_there_are_files_to_look_at():
    assert {room_of(parts_of(path)) for path in FILES} == set(ROOMS)


def test_the_rooms_form_no_circle():
    left = {room: allowed - {room} for room, allowed in ROOMS.items()}
    while free := {room for room, allowed in left.items() if not allowed & set(left)}:
        left = {room: allowed for room, allowed in left.items() if room not in free}
    assert not left


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    names = {name.split(".", 1)[1] for name in imports_of(path) if name.startswith("xtremedistil.")}
    rooms = {room_of(tuple(name.split("."))) for name in names - {"__version__"}}
    own = room_of(parts_of(path))
    assert rooms - ROOMS[own] - {own} == set()


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_nothing_unpickles_and_nothing_else_sees_flags(path):
    names = imports_of(path)
    assert not names & {"pickle", "dill", "joblib", "cloudpickle", "torch"}
    sample_tools = {"generate.py", "vocabulary.py"}
    if path.parent.name != "cli" and path.name not in sample_tools:
        assert not {name for name in names if name.startswith("absl.flags")}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_are_small(path):
    assert lines_of(path) <= 400


# What belongs to one room: a pattern, and the rooms where it may stand.
WORDS_OF_ROOMS = [
    (r"##|vocab\.txt|\[UNK\]", {"tokenization"}),
    (r"BertNormalizer|BertPreTokenizer", {"tokenization", "serving.graph"}),
    (r"▁|Ġ|spm\.model|sentencepiece\.bpe|merges\.txt", {"tokenization"}),
    (r"\bBertConfig\b|word_embeddings|classifier\.|LayerNorm\.|encoder\.layer", {"teachers"}),
]


@pytest.mark.parametrize(("pattern", "rooms"), WORDS_OF_ROOMS, ids=[w for w, _ in WORDS_OF_ROOMS])
def test_the_words_of_a_room_stand_there_alone(pattern, rooms):
    where = {p: re.search(pattern, p.read_text(encoding="utf-8")) for p in FILES}
    found = {p: match[0] for p, match in where.items() if match}
    assert {p: w for p, w in found.items() if room_of(parts_of(p)) not in rooms} == {}
