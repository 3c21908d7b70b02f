"""Where a run lives, how far it goes, and on what it computes."""

from dataclasses import dataclass

from xtremedistil.config.option import Checked, option
from xtremedistil.runtime.errors import ConfigError

STAGES = ("teacher", "targets", "1", "2", "3", "all")


@dataclass(frozen=True)
class RunConfig(Checked):
    """Where, how far, on what."""

    output_dir: str = option("out", "Directory of the run: everything it makes goes there.")
    stage: str = option(
        "all",
        "How far to go; whatever that needs and is not there yet is made first. all: to scores "
        "and export.",
        choices=STAGES,
    )
    plan: bool = option(
        False,
        "Say what a run understands of its data and its teacher, and about what time, memory and "
        "disk it would take; then stop, with nothing written.",
    )
    seed: int = option(
        1, "Seed of the student's weights, batches and dropout.", low=0, decides=("steps",)
    )
    export: bool = option(True, "Export the student as a SavedModel at the end of --stage=all.")
    overwrite: bool = option(False, "Make again what another configuration left in --output_dir.")
    jit_compile: bool = option(
        False,
        "Compile training with XLA: slower on a CPU, measure it on a GPU.",
        decides=("teacher", "steps"),
    )
    mixed_precision: str = option(
        "off",
        "Half-precision arithmetic in training.",
        choices=("off", "float16", "bfloat16"),
        decides=("teacher", "targets", "steps", "scores"),
    )
    shared_dir: str = option(
        "",
        "Folder where several runs share the parts that they have in common: data, teacher, "
        "targets, steps. Empty: each run keeps its own in --output_dir.",
    )
    save_every: float = option(
        300.0, "Seconds between two saves of a training step's state.", low=0.0
    )
    deterministic: bool = option(
        False,
        "Make a GPU give the same weights twice (TensorFlow's op determinism); slower. A CPU does "
        "so anyway.",
        decides=("teacher", "targets", "steps", "scores"),
        before=False,
    )
    targets: str = option(
        "stored",
        "Where the teacher's targets come from. stored: one pass, kept on disk. live: the teacher "
        "runs inside each training step, for a transfer set whose targets the disk cannot hold.",
        choices=("stored", "live"),
        decides=("transfer steps",),
        before="stored",
    )
    target_precision: str = option(
        "float16",
        "Precision of the teacher's stored states. int8: whole numbers with a scale for each "
        "vector, half the disk; logits stay float16.",
        choices=("float16", "int8"),
        decides=("stored targets", "transfer steps"),
        before="float16",
    )
    ignore_disk: bool = option(
        False,
        "Begin though the disk has too little room for the teacher's targets, where some will be "
        "made while the run goes on.",
    )
    distribution: str = option(
        "none",
        "Devices to train on, with tf.distribute. none: one. mirrored: all GPUs of this machine. "
        "multi_worker: all workers that TF_CONFIG names, which share --output_dir.",
        choices=("none", "mirrored", "multi_worker"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.target_precision != "float16" and self.targets == "live":
            raise ConfigError(
                "--target_precision is that of stored targets; live ones are not stored. "
                f"Received: targets=live target_precision={self.target_precision}"
            )
        if self.jit_compile and self.distribution != "none":
            raise ConfigError(
                "--jit_compile goes with --distribution=none: replicas exchange gradients inside "
                f"the step, which XLA cannot compile. Received: distribution={self.distribution}"
            )
