"""The commands of `xtremedistil`, each with its flags.

What a command needs is imported when it is called: flags are read before TensorFlow is.
"""

import contextlib
import os
import sys
from dataclasses import dataclass
from functools import partial

from absl import logging

from xtremedistil.benchmark.options import MEASURED, SIZED, BenchmarkOptions, SizeOptions
from xtremedistil.cli.evaluate import EvaluateOptions, evaluate
from xtremedistil.cli.output import Results, reader_may_leave
from xtremedistil.cli.predictors import PredictorOptions, open_predictor
from xtremedistil.cli.programs import Command, quiet_tensorflow
from xtremedistil.cli.runs import SweepOptions, distil, sweep, teacher
from xtremedistil.config.option import Checked, option
from xtremedistil.runtime import files, signals
from xtremedistil.runtime.errors import ConfigError
from xtremedistil.serving.exports.options import ExportOptions


@dataclass(frozen=True)
class PredictOptions(PredictorOptions):
    """Flags of `predict`."""

    input: tuple[str, ...] = option(
        (), "Files of texts, one a line, with commas. Empty: standard input."
    )
    format: str = option(
        "json", "json: an object a line. conll: word<TAB>tag lines.", choices=("json", "conll")
    )
    pretokenized: bool = option(
        False, "White space alone separates words, as in training data; else raw text is split."
    )
    workers: int = option(
        0, "Processes (threads in Keras), each with lines of its own; 0: one for each core.", low=0
    )


def predict(given: PredictOptions) -> None:
    """Answers lines as a stream, in order."""
    from xtremedistil.serving.load import load
    from xtremedistil.serving.python.division import default_threads
    from xtremedistil.serving.python.keras_network import KerasNetwork
    from xtremedistil.serving.python.stream import predict_lines, read_lines

    predictor = open_predictor(given, threads=1)
    # Keras shares its threads among all cores by itself, and takes long to open.
    reopen = partial(load, given.model, given.backend, given.quantize, 1)
    if isinstance(predictor.network, KerasNetwork):
        reopen = None
    with contextlib.ExitStack() as open_files:
        opened = [open_files.enter_context(files.open_read(path)) for path in given.input]
        lines = read_lines(opened or [sys.stdin.buffer])
        workers = given.workers or default_threads()
        how = given.format, workers, given.pretokenized, reopen
        with reader_may_leave():
            for text in predict_lines(predictor, lines, *how):
                sys.stdout.write(text)


def export(given: ExportOptions) -> Results:
    """Exports a student, and compares the export with it."""
    quiet_tensorflow()
    from xtremedistil.serving.exports.export import export as write_export

    found = write_export(given)
    lines = [
        f"{name:22} {f'{value:.4g}' if isinstance(value, float) else value}"
        for name, value in found.items()
    ]
    lines.append(f"written: {given.output_dir}")
    return Results("\n".join(lines), {**found, "output_dir": given.output_dir})


def benchmark(given: BenchmarkOptions) -> Results:
    """Measures student and teachers in every form, side by side, in some two and a half minutes."""
    quiet_tensorflow()
    from xtremedistil.benchmark.speed import benchmark as measure
    from xtremedistil.benchmark.table import format_results

    found = measure(given, logging.info)
    return Results(format_results(found), found)


def size(given: SizeOptions) -> Results:
    """Names the best of the paper's students within a budget of time on this machine."""
    from xtremedistil.report.published import published_table

    table = published_table(16)
    quiet_tensorflow()
    from xtremedistil.benchmark.size import PublishedSize, format_sizes, size_students

    columns = ["embedding_dim", "hidden_size", "f1"]
    grid = [PublishedSize(*row) for row in table[columns].itertuples(index=False)]
    found = size_students(given, grid, logging.info)
    return Results(format_sizes(found), found)


@dataclass(frozen=True)
class DemoOptions(PredictorOptions):
    """Flags of `demo`."""

    teacher: str = option(
        "", "Folder of a fine-tuned teacher, or of a run, to see beside the student."
    )
    port: int = option(8080, "Port to listen at; 0: any that is free.", low=0, high=65535)
    host: str = option("127.0.0.1", "Address to listen at; others are open to the network.")


def demo(given: DemoOptions) -> None:
    """Serves a page that shows what a student makes of a text."""
    from xtremedistil.serving.demo import Demo, make_server

    models = {"Student": open_predictor(given)}
    if given.teacher:
        quiet_tensorflow()
        from xtremedistil.experiments.teacher_predictor import load

        models["Teacher"] = load(given.teacher, models["Student"].task)
    server = make_server(Demo(models), given.port, given.host)
    logging.info("http://%s:%d (Ctrl-C stops)", *server.server_address[:2])
    with server, contextlib.suppress(signals.Interrupted):
        server.serve_forever()


@dataclass(frozen=True)
class ReportOptions(Checked):
    """Flags of `report`."""

    folder: str = option("", "Folder of a run (results.json) or of a sweep (sweep.json).")
    table: int = option(0, "A table of the paper, 1 to 17; 0: none.")
    figure: int = option(0, "A figure of the paper, 1 to 3; 0: none.")
    page: bool = option(False, "One HTML page of all that is measured.")
    output_dir: str = option("", "Where files go. Empty: `report` in the folder.")


def report(given: ReportOptions) -> None:
    """Prints and writes tables, figures and the page."""
    from xtremedistil.report.report import write_report

    wanted = given.table or None, given.figure or None, given.page
    print(write_report(given.folder, *wanted, given.output_dir))


@dataclass(frozen=True)
class LatencyOptions(Checked):
    """Flags of `latency`."""

    folder: str = option(
        "", "Folder of a sweep (sweep.json) of which one student at least is done."
    )
    rounds: int = option(
        50, "Timed calls of each model at batch 1; at batch 32, three tenths of them.", low=1
    )


def latency(given: LatencyOptions) -> Results:
    """Measures the students of a sweep side by side."""
    quiet_tensorflow()
    from xtremedistil.experiments.latency import time_sweep

    path = time_sweep(given.folder, given.rounds)
    return Results(f"{path}: reports read it from now on.", files.read_json(path))


@dataclass(frozen=True)
class FetchOptions(Checked):
    """Flags of `fetch`."""

    dataset: str = option("", "wikiann, sst2, imdb, ag_news or dbpedia.")
    output_dir: str = option("", "Folder to write; later the --data_dir of a run.")
    source: str = option("", "Folder with a copy of the hub's files. Empty: the hub.")
    languages: tuple[str, ...] = option((), "Languages of WikiAnn, with commas. Empty: all 41.")


def fetch(given: FetchOptions) -> Results:
    """Fetches the paper's data."""
    from xtremedistil.data.fetch import fetch as fetch_data

    if not given.output_dir:
        raise ConfigError("--output_dir must name a folder. Received: nothing")
    counts = fetch_data(given.dataset, given.output_dir, given.source, given.languages)
    lines = [
        f"{os.path.join(given.output_dir, file)}: {number:,} sentences"
        for file, number in counts.items()
    ]
    return Results("\n".join(lines), counts)


@dataclass(frozen=True)
class PushOptions(Checked):
    """Flags of `push`."""

    model: str = option("", "Folder of a student, of a run, or of an ONNX or native export.")
    repository: str = option("", "Where on the hub: user/name.")
    private: bool = option(False, "For its owner alone, where the repository is made.")


def push(given: PushOptions) -> Results:
    """Puts a student on the hub."""
    from xtremedistil.serving.hub import push as push_folder

    if not given.model:
        raise ConfigError("--model must name a student's folder. Received: nothing")
    address = push_folder(given.model, given.repository, given.private)
    return Results(f"written: {address}", {"address": address})


COMMANDS = {
    "distil": Command(
        "distil a teacher into a tiny student", None, distil, of_run=True, has_sample=True
    ),
    "teacher": Command(
        "fine-tune the teacher alone, or train a small one from scratch",
        None,
        teacher,
        of_run=True,
        has_sample=True,
        decides=("stage",),
    ),
    "predict": Command("texts in, entities or classes out", PredictOptions, predict, streams=True),
    "evaluate": Command(
        "score a student or a teacher on labeled data, or compare two", EvaluateOptions, evaluate
    ),
    "export": Command(
        "a student as SavedModel, ONNX, LiteRT or for the native kernel", ExportOptions, export
    ),
    "benchmark": Command(
        "speed of student and teacher", BenchmarkOptions, benchmark, more=MEASURED
    ),
    "size": Command(
        "the best student within a budget of milliseconds here", SizeOptions, size, more=SIZED
    ),
    "push": Command("put a student on the Hugging Face hub", PushOptions, push),
    "demo": Command("a page to try a student on", DemoOptions, demo, streams=True),
    "sweep": Command("compare runs that differ in a few flags", SweepOptions, sweep, of_run=True),
    "latency": Command("time the students of a sweep side by side", LatencyOptions, latency),
    "report": Command("tables, figures and a page of results", ReportOptions, report, streams=True),
    "fetch": Command("write the paper's data as --data_dir reads it", FetchOptions, fetch),
}
