"""The commands of `python -m xtremedistil`, each with its flags.

What a command needs is imported when it is called: flags are read before TensorFlow is.
"""

import os
from dataclasses import dataclass

from absl import logging

from xtremedistil.cli import Command, quiet_tensorflow
from xtremedistil.config import Config
from xtremedistil.errors import ConfigError
from xtremedistil.options import Checked, option


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
class ReportOptions(Checked):
    """Flags of `report`."""

    folder: str = option("", "Folder of a run (results.json) or of a sweep (sweep.json).")
    table: int = option(0, "A table of the paper, 1 to 17; 0: none.")
    figure: int = option(0, "A figure of the paper, 1 to 3; 0: none.")
    page: bool = option(False, "One HTML page of all that is measured.")
    output_dir: str = option("", "Where files go. Empty: `report` in the folder.")


def report(given: ReportOptions) -> None:
    """Prints and writes tables, figures and the page."""
    from xtremedistil.experiments.report import write_report

    wanted = given.table or None, given.figure or None, given.page
    print(write_report(given.folder, *wanted, given.output_dir))


@dataclass(frozen=True)
class FetchOptions(Checked):
    """Flags of `fetch`."""

    dataset: str = option("", "wikiann, sst2, imdb, ag_news or dbpedia.")
    output_dir: str = option("", "Folder to write; later the --data_dir of a run.")
    source: str = option("", "Folder with a copy of the hub's files. Empty: the hub.")
    languages: tuple[str, ...] = option((), "Languages of WikiAnn, with commas. Empty: all 41.")


def fetch(given: FetchOptions) -> None:
    """Fetches the paper's data."""
    from xtremedistil.experiments.datasets import fetch as fetch_data

    if not given.output_dir:
        raise ConfigError("--output_dir must name a folder. Received: nothing")
    counts = fetch_data(given.dataset, given.output_dir, given.source, given.languages)
    for file, number in counts.items():
        logging.info("%s: %s sentences", os.path.join(given.output_dir, file), f"{number:,}")


COMMANDS = {
    "fetch": Command("write the paper's data as --data_dir reads it", FetchOptions, fetch),
    "report": Command("tables, figures and a page of results", ReportOptions, report),
    "sweep": Command("compare runs that differ in a few flags", SweepOptions, sweep, of_run=True),
}
