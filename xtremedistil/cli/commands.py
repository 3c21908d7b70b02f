"""The commands of `python -m xtremedistil`, each with its flags.

What a command needs is imported when it is called: flags are read before TensorFlow is.
"""

import contextlib
import dataclasses
import os
import sys
from dataclasses import dataclass
from functools import partial
from typing import Any

from absl import logging

from xtremedistil.benchmark.options import BenchmarkOptions
from xtremedistil.cli.output import reader_may_leave
from xtremedistil.cli.programs import Command, quiet_tensorflow
from xtremedistil.config import Config, DataConfig
from xtremedistil.config.option import Checked, field_of, option
from xtremedistil.runtime import files, signals
from xtremedistil.runtime.errors import ConfigError
from xtremedistil.serving.exports.options import ExportOptions
from xtremedistil.serving.exports.registry import quantizations
from xtremedistil.serving.load import AUTO, backend_names


@dataclass(frozen=True)
class SweepOptions(Checked):
    """Flags of `sweep`, beside those of a run."""

    sweep: str = option("sweep", "Name of the sweep, for reports.")
    vary: tuple[str, ...] = option(
        (),
        "What to vary: flag=value,value or a+b=1+2,3+4 for flags that change together. Given once "
        "for each; a later one of the same flags replaces an earlier one.",
        repeated=True,
    )
    instead: tuple[str, ...] = option(
        (),
        "An axis, as in --vary, that replaces one of the same flags and is left out where --vary "
        "has none: for flag files that make any sweep small.",
        repeated=True,
    )
    seeds: tuple[int, ...] = option((1,), "Seeds of the student, with commas.", low=0)
    choose_weights: tuple[float, ...] = option(
        (),
        "Candidates for --alpha and --beta of joint losses, with commas, chosen on the "
        "development set with the first seed. Empty: as given.",
        low=0.0,
    )
    plan_only: bool = option(False, "Print the plan, with the expected time, and stop.")


def sweep(given: SweepOptions, config: Config) -> None:
    """Runs a sweep."""
    quiet_tensorflow()
    from xtremedistil.experiments.axes import axes_of
    from xtremedistil.experiments.sweep import Sweep, run_sweep

    axes = axes_of(given.vary, given.instead)
    wanted = Sweep(given.sweep, axes, given.seeds, given.choose_weights)
    run_sweep(config, wanted, given.plan_only)


@dataclass(frozen=True)
class PredictorOptions(Checked):
    """Flags of every command that runs a student."""

    model: str = option(
        "",
        "Folder of a student, of an ONNX, LiteRT or native export, or of a run; or a student's "
        "name on the hub (user/name).",
    )
    backend: str = option(
        AUTO,
        "What runs the network. auto: the fastest that is installed: with --quantize=int8 native, "
        "where the processor has AVX2 or VNNI; else onnx; else Keras.",
        choices=backend_names(),
    )
    quantize: str = option("none", "Weights, where they are not Keras's.", choices=quantizations())


def _predictor(given: PredictorOptions, threads: int = 0) -> Any:
    from xtremedistil.serving.load import load, needs_keras

    if needs_keras(given.backend, given.quantize):
        quiet_tensorflow()
    if not given.model:
        raise ConfigError("--model must name a student's folder. Received: nothing")
    return load(given.model, given.backend, given.quantize, threads)


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

    predictor = _predictor(given, threads=1)
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


@dataclass(frozen=True)
class EvaluateOptions(PredictorOptions):
    """Flags of `evaluate`."""

    data_dir: str = option("", "Folder of labeled data, as a run's.")
    split: str = option("test", "Which of its splits.", choices=("train", "dev", "test"))
    data_format: str = field_of(DataConfig, "data_format")
    token_column: str = field_of(DataConfig, "token_column")
    tag_column: str = field_of(DataConfig, "tag_column")
    tag_scheme: str = field_of(DataConfig, "tag_scheme")
    tag_names: tuple[str, ...] = field_of(DataConfig, "tag_names")
    repair_iob2: bool = field_of(DataConfig, "repair_iob2")
    max_words: int = field_of(DataConfig, "max_words")


def evaluate(given: EvaluateOptions) -> None:
    """Scores a student on labeled data."""
    from xtremedistil.report.schema import shown_score
    from xtremedistil.scoring.examples import evaluate as score
    from xtremedistil.scoring.examples import read_split

    predictor = _predictor(given)
    names = {field.name for field in dataclasses.fields(DataConfig)}
    asked = {name: value for name, value in vars(given).items() if name in names}
    config = DataConfig(**asked, task=predictor.task)
    scores = score(predictor, read_split(config, given.split))
    name = "f1" if predictor.task == "ner" else "accuracy"
    for language, value in scores[name]["per_language"].items():
        print(f"{language or 'all':8} {'none' if value is None else f'{value:.2f}':>6}")
    shown = shown_score(scores[name]["mean"], scores[name]["std"])
    print(f"{name} {shown}, {scores['sentences']:,} sentences")


def export(given: ExportOptions) -> None:
    """Exports a student, and compares the export with it."""
    quiet_tensorflow()
    from xtremedistil.serving.exports.export import export as write_export

    for name, value in write_export(given).items():
        logging.info("%-22s %s", name, f"{value:.4g}" if isinstance(value, float) else value)
    logging.info("written: %s", given.output_dir)


def benchmark(given: BenchmarkOptions) -> None:
    """Measures student and teacher in every form, side by side; within two minutes by default."""
    quiet_tensorflow()
    from xtremedistil.benchmark.speed import benchmark as measure
    from xtremedistil.benchmark.table import format_results

    print(format_results(measure(given, logging.info)))


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

    models = {"Student": _predictor(given)}
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


def latency(given: LatencyOptions) -> None:
    """Measures the students of a sweep side by side."""
    quiet_tensorflow()
    from xtremedistil.experiments.latency import time_sweep

    logging.info("%s: reports read it from now on.", time_sweep(given.folder, given.rounds))


@dataclass(frozen=True)
class FetchOptions(Checked):
    """Flags of `fetch`."""

    dataset: str = option("", "wikiann, sst2, imdb, ag_news or dbpedia.")
    output_dir: str = option("", "Folder to write; later the --data_dir of a run.")
    source: str = option("", "Folder with a copy of the hub's files. Empty: the hub.")
    languages: tuple[str, ...] = option((), "Languages of WikiAnn, with commas. Empty: all 41.")


def fetch(given: FetchOptions) -> None:
    """Fetches the paper's data."""
    from xtremedistil.data.fetch import fetch as fetch_data

    if not given.output_dir:
        raise ConfigError("--output_dir must name a folder. Received: nothing")
    counts = fetch_data(given.dataset, given.output_dir, given.source, given.languages)
    for file, number in counts.items():
        logging.info("%s: %s sentences", os.path.join(given.output_dir, file), f"{number:,}")


@dataclass(frozen=True)
class PushOptions(Checked):
    """Flags of `push`."""

    model: str = option("", "Folder of a student, of a run, or of an ONNX or native export.")
    repository: str = option("", "Where on the hub: user/name.")
    private: bool = option(False, "For its owner alone, where the repository is made.")


def push(given: PushOptions) -> None:
    """Puts a student on the hub."""
    from xtremedistil.serving.hub import push as push_folder

    if not given.model:
        raise ConfigError("--model must name a student's folder. Received: nothing")
    logging.info("written: %s", push_folder(given.model, given.repository, given.private))


COMMANDS = {
    "predict": Command("texts in, entities or classes out", PredictOptions, predict),
    "evaluate": Command("score a student on labeled data", EvaluateOptions, evaluate),
    "export": Command("a student as SavedModel, ONNX or LiteRT", ExportOptions, export),
    "benchmark": Command("speed of student and teacher", BenchmarkOptions, benchmark),
    "push": Command("put a student on the Hugging Face hub", PushOptions, push),
    "demo": Command("a page to try a student on", DemoOptions, demo),
    "sweep": Command("compare runs that differ in a few flags", SweepOptions, sweep, of_run=True),
    "latency": Command("time the students of a sweep side by side", LatencyOptions, latency),
    "report": Command("tables, figures and a page of results", ReportOptions, report),
    "fetch": Command("write the paper's data as --data_dir reads it", FetchOptions, fetch),
}
