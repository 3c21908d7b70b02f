"""The commands of `python -m xtremedistil`, each with its flags.

What a command needs is imported when it is called: flags are read before TensorFlow is.
"""

from dataclasses import dataclass

from xtremedistil.cli import Command, quiet_tensorflow
from xtremedistil.config import Config
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
    from xtremedistil.experiments.sweep import Sweep, run_sweep

    wanted = Sweep(given.sweep, given.vary, given.seeds, given.choose_weights)
    run_sweep(config, wanted, given.plan_only)


COMMANDS = {
    "sweep": Command("compare runs that differ in a few flags", SweepOptions, sweep, of_run=True),
}
