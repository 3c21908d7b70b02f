"""The commands that make runs: `distil`, `teacher` and `sweep`."""

import dataclasses
from dataclasses import dataclass

from absl import logging

from xtremedistil.cli.output import Results
from xtremedistil.cli.programs import quiet_tensorflow
from xtremedistil.config import Config
from xtremedistil.config.option import Checked, option
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ConfigError


def distil(config: Config) -> Results | None:
    """Makes a run, as far as `--stage` says."""
    quiet_tensorflow()
    from xtremedistil.experiments.main import conclude

    found = conclude(config)
    if found and config.run.stage == "all" and not config.run.plan:
        _write_page(config.run.output_dir)
    return found and Results(*found)


def teacher(config: Config) -> Results | None:
    """Makes the teacher of a run alone."""
    return distil(dataclasses.replace(config, run=dataclasses.replace(config.run, stage="teacher")))


def _write_page(folder: str) -> None:
    """The page of a run that is done, where the libraries for it are installed."""
    try:
        from xtremedistil.report.report import write_report

        logging.info("%s", write_report(folder, page=True))
    except ConfigError as missing:
        logging.info("no page of this run was written: %s", missing)


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
    plan_only: bool = option(
        False,
        "Print the plan, with the expected time, and stop; data is read, and kept for the runs.",
    )


def sweep(given: SweepOptions, config: Config) -> Results:
    """Runs a sweep."""
    quiet_tensorflow()
    from xtremedistil.experiments.axes import axes_of
    from xtremedistil.experiments.sweep import Sweep, run_sweep

    axes = axes_of(given.vary, given.instead)
    wanted = Sweep(given.sweep, axes, given.seeds, given.choose_weights)
    path = run_sweep(config, wanted, given.plan_only)
    content = files.read_json(path)
    runs = len(content["runs"])
    return Results(f"{path} lists {runs} run{'s' * (runs > 1)}.", content)
