"""Which student fits a budget of time on this machine: the sizes of Table 16, in every export but
SavedModels, which take longest to write.
"""

import importlib.util
import tempfile
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from xtremedistil.benchmark.candidates import (
    PLAIN_STUDENT,
    export_candidates,
    plain_candidate,
    save_random_student,
)
from xtremedistil.benchmark.clock import spread
from xtremedistil.benchmark.exported import exported
from xtremedistil.benchmark.latency import LENGTH
from xtremedistil.benchmark.options import BenchmarkOptions, SizeOptions
from xtremedistil.benchmark.speed import (
    TAGS,
    describe_machine,
    embedded_tokenizer,
    set_threads,
    time_candidates,
)
from xtremedistil.data.labels import LabelSet
from xtremedistil.serving.exports.onnx_folder import ONNX
from xtremedistil.serving.exports.saved_model import SAVED_MODEL
from xtremedistil.students.shape import StudentShape

_TEACHER_WIDTH = 768  # of the paper's teacher


class PublishedSize(NamedTuple):
    """A student of the paper.

    Attributes:
        embedding_dim: E.
        hidden_size: H.
        f1: percent, as printed in Table 16.
    """

    embedding_dim: int
    hidden_size: int
    f1: float


def size_students(
    options: SizeOptions, grid: Sequence[PublishedSize], log: Callable[[str], None]
) -> dict[str, Any]:
    """Times each size, its forms side by side.

    Args:
        options: the budget, and what is timed.
        grid: sizes, each with its F1.
        log: is told what is being done.

    Returns:
        JSON values: `budget_ms`, `batch`, `length`, `vocabulary_size`, `machine`; `sizes`, of each
        `embedding_dim`, `hidden_size`, `published_f1`, `parameters` and by form, in `forms`, what
        `clock.spread` returns, with the `fastest` form and its `median`; and what `choose` chose.

    Raises:
        ConfigError: the vocabulary is smaller than the embedded one.
    """
    tokenizer = embedded_tokenizer(options.vocabulary_size)
    threads = set_threads(options.threads)
    labels = LabelSet.from_data(TAGS, "ner")
    exports = [row for row in exported() if row[1] is not SAVED_MODEL]
    if not all(map(importlib.util.find_spec, ("onnx", "onnxruntime"))):  # an extra
        exports = [row for row in exports if row[1] is not ONNX]
    how = BenchmarkOptions(vocabulary_size=options.vocabulary_size)
    sizes = []
    for e, h, f1 in grid:
        log(f"timing E={e}, H={h}")
        shape = StudentShape(options.vocabulary_size, e, h, _TEACHER_WIDTH, len(labels))
        with tempfile.TemporaryDirectory() as folder:
            model, student = save_random_student(shape, tokenizer, labels, folder)
            forms = export_candidates(student, folder, exports, threads)
            forms = [plain_candidate(model, student), *(form for form in forms if form.is_export)]
            times = time_candidates(forms, options.batch, how, options.seconds)
        told = {_form(name): spread(own) for name, own in times.items()}
        fastest = min(told, key=lambda form: told[form]["median"])
        sizes.append(
            {
                "embedding_dim": e,
                "hidden_size": h,
                "published_f1": f1,
                "parameters": shape.deployed_parameters,
                "forms": told,
                "fastest": fastest,
                "median": told[fastest]["median"],
            }
        )
    return {
        "budget_ms": options.budget_ms,
        "batch": options.batch,
        "length": LENGTH,
        "vocabulary_size": options.vocabulary_size,
        "machine": describe_machine(threads),
        "sizes": sizes,
        **choose(sizes, options.budget_ms),
    }


def _form(name: str) -> str:
    return "Keras" if name == PLAIN_STUDENT else name.removeprefix("student, ")


def choose(sizes: Sequence[dict[str, Any]], budget_ms: float) -> dict[str, Any]:
    """The students whose fastest form takes no longer than the budget in the median.

    Returns:
        `best`, the one with the highest published F1, and `largest`, with the most parameters, of
        which most are rows of the table; None where no student fits.
    """
    fitting = [size for size in sizes if size["median"] <= budget_ms]
    best = max(fitting, key=lambda size: size["published_f1"], default=None)
    largest = max(fitting, key=lambda size: size["parameters"], default=None)
    return {"best": best, "largest": largest}


def format_sizes(found: dict[str, Any]) -> str:
    """What `size_students` found: a line for each size, `*` where it fits, and the choice."""
    forms = list(found["sizes"][0]["forms"])
    widths = [max(9, len(form) + 2) for form in forms]
    titles = "".join(f"{form:>{width}}" for form, width in zip(forms, widths, strict=True))
    lines = [f"{'E':>5}{'H':>5}{'million':>9}{'F1 (paper)':>12}{titles}"]
    for size in found["sizes"]:
        medians = "".join(
            f"{size['forms'][form]['median']:{width}.3f}"
            for form, width in zip(forms, widths, strict=True)
        )
        line = (
            f"{size['embedding_dim']:5}{size['hidden_size']:5}{size['parameters'] / 1e6:9.1f}"
            f"{size['published_f1']:12.2f}{medians}"
        )
        lines.append(line + (" *" if size["median"] <= found["budget_ms"] else ""))
    machine = found["machine"]
    lines += [
        f"median milliseconds of a batch of {found['batch']}, {found['length']} wordpieces each; "
        f"{machine['cpu']}, {machine['threads']} threads, load {machine['load']:.1f}",
        "",
    ]
    best, largest = found["best"], found["largest"]
    if best is None:
        fastest = min(found["sizes"], key=lambda size: size["median"])
        lines.append(f"none within {found['budget_ms']:g} ms; the fastest: {_told(fastest)}")
        return "\n".join(lines)
    lines.append(f"the best within {found['budget_ms']:g} ms: {_told(best)}")
    if largest is not best:
        lines.append(f"the one with the most parameters: {_told(largest)}")
    return "\n".join(lines)


def _told(size: dict[str, Any]) -> str:
    flags = f"--embedding_dim={size['embedding_dim']} --hidden_size={size['hidden_size']}"
    return (
        f"{flags}, {size['fastest']}, {size['median']:.3f} ms; the paper's F1 with it is "
        f"{size['published_f1']:.2f}"
    )
