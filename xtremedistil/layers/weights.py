"""A model's weights as a file: named tensors, no code, no pickle."""

import keras
import safetensors.numpy

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError


def save_weights(path: str, model: keras.Model) -> None:
    """Writes a model's weights by name."""
    tensors = {v.path: v.numpy() for v in model.weights}
    files.write_bytes(path, safetensors.numpy.save(tensors))


def load_weights(path: str, model: keras.Model) -> None:
    """Gives a model the weights that `save_weights` wrote.

    Raises:
        ArtifactError: the file is damaged, or is of another model.
    """
    try:
        tensors = safetensors.numpy.load(files.read_bytes(path))
    except safetensors.SafetensorError as error:
        raise ArtifactError(f"{path}: not a whole safetensors file ({error}).") from error
    for variable in model.weights:
        values = tensors.get(variable.path)
        if values is None or values.shape != tuple(variable.shape):
            found = "nothing" if values is None else values.shape
            raise ArtifactError(
                f"{path}: {variable.path} must have shape {tuple(variable.shape)}. Received: "
                f"{found}"
            )
        variable.assign(values)
