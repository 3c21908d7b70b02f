"""What `export` writes."""

from dataclasses import dataclass

from xtremedistil.config.option import Checked, option
from xtremedistil.runtime.errors import ConfigError
from xtremedistil.serving.exports.record import NONE, Settings
from xtremedistil.serving.exports.registry import EXPORTS, quantizations
from xtremedistil.serving.exports.saved_model import SAVED_MODEL


@dataclass(frozen=True)
class ExportOptions(Checked):
    """Which student, as what, and where."""

    model: str = option("", "Folder of a student, or of a run.")
    output_dir: str = option(
        "", "Folder of the export; what is there is replaced when the new one is whole."
    )
    format: str = option(SAVED_MODEL.name, "What to write.", choices=tuple(EXPORTS))
    quantize: str = option(
        NONE, "int8: weights of 8 bits, where the format can.", choices=quantizations()
    )
    data: str = option(
        "",
        "Labeled file whose first texts student and export are compared on, with F1 or accuracy. "
        "Empty: the embedded corpus.",
    )
    jit_compile: bool = option(
        False, "Compile the network with XLA, where the format can (saved_model)."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.model or not self.output_dir:
            raise ConfigError(
                "--model and --output_dir must name folders. Received: "
                f"model={self.model!r} output_dir={self.output_dir!r}"
            )
        export = EXPORTS[self.format]
        if self.quantize not in export.quantize:
            raise ConfigError(
                f"--format={self.format} holds weights with --quantize="
                f"{' or '.join(export.quantize)}. Received: quantize={self.quantize}"
            )
        if self.jit_compile and not export.compiles:
            able = ", ".join(e.name for e in EXPORTS.values() if e.compiles)
            raise ConfigError(f"--jit_compile is for {able}. Received: format={self.format}")

    @property
    def settings(self) -> Settings:
        """What decides how an export is written."""
        return Settings(self.quantize, self.jit_compile)
