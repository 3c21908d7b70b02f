"""Which student fits a budget: the choice on known times, and the whole on tiny students."""

import json

import pytest

from xtremedistil.benchmark.options import SizeOptions
from xtremedistil.benchmark.size import PublishedSize, choose, format_sizes, size_students
from xtremedistil.cli import commands
from xtremedistil.data.sample import vocabulary_dir
from xtremedistil.runtime.errors import ConfigError
from xtremedistil.tokenization.registry import open_tokenizer


def sized(e, h, f1, parameters, median):
    forms = {"Keras": {"median": 4 * median}, "native int8": {"median": median}}
    return {
        "embedding_dim": e,
        "hidden_size": h,
        "published_f1": f1,
        "parameters": parameters,
        "forms": forms,
        "fastest": "native int8",
        "median": median,
    }


SIZES = [sized(300, 600, 88.64, 31_800_000, 2.0), sized(100, 600, 87.93, 13_100_000, 0.5)]
SIZES.append(sized(300, 100, 86.19, 27_000_000, 0.2))


@pytest.mark.parametrize(
    ("budget", "best", "largest"), [(2, 0, 0), (1.9, 1, 2), (0.5, 1, 2), (0.4, 2, 2)]
)
def test_the_best_and_the_largest_within_the_budget(budget, best, largest):
    assert choose(SIZES, budget) == {"best": SIZES[best], "largest": SIZES[largest]}


def shown(budget):
    about = {"batch": 1, "length": 32, "machine": {"cpu": "a CPU", "threads": 2, "load": 0.0}}
    found = {"budget_ms": budget, **about, "sizes": SIZES, **choose(SIZES, budget)}
    return format_sizes(found).splitlines()


def test_the_table_marks_what_fits_and_names_the_flags():
    lines = shown(1)
    assert lines[0].split() == ["E", "H", "million", "F1", "(paper)", "Keras", "native", "int8"]
    assert lines[1].split() == ["300", "600", "31.8", "88.64", "8.000", "2.000"]
    assert lines[2].split() == ["100", "600", "13.1", "87.93", "2.000", "0.500", "*"]
    best = "--embedding_dim=100 --hidden_size=600, native int8, 0.500 ms; the paper's F1"
    assert lines[-2].startswith(f"the best within 1 ms: {best} with it is 87.93")
    assert "--embedding_dim=300 --hidden_size=100" in lines[-1]


def test_where_none_fits_the_fastest_is_named():
    assert choose(SIZES, 0.1) == {"best": None, "largest": None}
    assert shown(0.1)[-1].startswith("none within 0.1 ms; the fastest: --embedding_dim=300 ")


def test_tiny_students_are_timed_in_their_forms():
    pieces = len(open_tokenizer(vocabulary_dir()))
    options = SizeOptions(budget_ms=1e6, batch=2, vocabulary_size=pieces, threads=1, seconds=0.01)
    grid = [PublishedSize(4, 8, 50.0), PublishedSize(8, 8, 40.0)]
    found = size_students(options, grid, lambda text: None)
    small, large = found["sizes"]
    assert set(small["forms"]) >= {"Keras", "ONNX Runtime float32", "ONNX Runtime int8"}
    assert large["parameters"] - small["parameters"] == 4 * pieces + 2 * 4 * 4 * 8
    assert (found["best"], found["largest"]) == (small, large)
    assert json.loads(json.dumps(found)) == found
    with pytest.raises(ConfigError, match="Received: vocabulary_size=10"):
        size_students(SizeOptions(vocabulary_size=10), grid, lambda text: None)


def test_the_command_gives_the_sizes_of_table_16(monkeypatch):
    seen = []

    def measured(options, grid, log):
        seen.extend(grid)
        return {"budget_ms": 1.0, "batch": 1, "length": 32, "sizes": SIZES} | {
            "machine": {"cpu": "a CPU", "threads": 2, "load": 0.0},
            **choose(SIZES, 1.0),
        }

    monkeypatch.setattr("xtremedistil.benchmark.size.size_students", measured)
    results = commands.size(SizeOptions())
    assert len(seen) == 16
    assert seen[0] == (300, 600, 88.64)
    assert results.content["best"] == SIZES[1]
