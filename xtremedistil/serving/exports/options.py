"""What `export` writes."""

from dataclasses import dataclass

from xtremedistil.config.option import Checked, option
from xtremedistil.runtime.errors import ConfigError

QUANTIZE = {"saved_model": ("none",), "onnx": ("none", "int8"), "litert": ("none", "int8")}
FORMATS = tuple(QUANTIZE)


@dataclass(frozen=True)
class ExportOptions(Checked):
    """Which student, as what, and where."""

    model: str = option("", "Folder of a student.")
    output_dir: str = option(
        "", "Folder of the export; what is there is replaced when the new one is whole."
    )
    format: str = option("saved_model", "What to write.", choices=FORMATS)
    quantize: str = option(
        "none", "int8: quantized weights (onnx and litert).", choices=("none", "int8")
    )
    data: str = option(
        "",
        "Labeled file whose first texts student and export are compared on, with F1 or accuracy. "
        "Empty: the embedded corpus.",
    )
    jit_compile: bool = option(False, "Compile the SavedModel's network with XLA.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.model or not self.output_dir:
            raise ConfigError(
                "--model and --output_dir must name folders. Received: "
                f"model={self.model!r} output_dir={self.output_dir!r}"
            )
        if self.quantize not in QUANTIZE[self.format]:
            raise ConfigError(
                f"--quantize is one of {', '.join(QUANTIZE[self.format])} for {self.format}; int8 "
                f"is for onnx and litert. Received: quantize={self.quantize!r}"
            )
        if self.jit_compile and self.format != "saved_model":
            raise ConfigError(
                f"--jit_compile is for saved_model. Received: format={self.format} jit_compile=True"
            )
