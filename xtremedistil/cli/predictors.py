"""What the commands that run a student have in common."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xtremedistil.cli.programs import quiet_tensorflow
from xtremedistil.config.option import Checked, option
from xtremedistil.runtime.errors import ConfigError
from xtremedistil.serving.exports.registry import quantizations
from xtremedistil.serving.load import AUTO, backend_names

if TYPE_CHECKING:
    from xtremedistil.serving.python.predictor import Predictor


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
        "What runs the network. auto: the fastest that is installed: with --quantize=int8 native "
        "(where the processor has AVX2 or VNNI), else onnx; without, onnx, else Keras.",
        choices=backend_names(),
    )
    quantize: str = option(
        "none",
        "int8: weights of 8 bits, for native (which holds no others) and onnx.",
        choices=quantizations(),
    )


def open_predictor(given: PredictorOptions, threads: int = 0) -> "Predictor":
    """The student that `--model` names.

    Args:
        given: which, and how it runs.
        threads: that one call may use; 0 for every core.
    """
    from xtremedistil.serving.load import load, needs_keras

    if needs_keras(given.backend, given.quantize):
        quiet_tensorflow()
    if not given.model:
        raise ConfigError("--model must name a student's folder. Received: nothing")
    return load(given.model, given.backend, given.quantize, threads)
