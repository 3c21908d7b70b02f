"""What a family of encoders is: the shape that it reads, how it is built, and its tensors' names.

A family is a record, and everything that the families have in common (folders, files, the final
layer, saving) is written once, in `checkpoint` and `teacher`.
"""

import copy
import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import keras
import numpy as np
from keras import layers

from xtremedistil.runtime.errors import CheckpointError

# Every encoder's table of pieces is the embedding layer of this name, every head ends in this one.
WORD_EMBEDDINGS, HEAD = "word_embeddings", "head"
ACTIVATIONS: dict[str, Callable[[keras.KerasTensor], keras.KerasTensor]] = {
    "gelu": lambda x: keras.activations.gelu(x, approximate=False),
    "gelu_new": lambda x: keras.activations.gelu(x, approximate=True),
    "gelu_pytorch_tanh": lambda x: keras.activations.gelu(x, approximate=True),
    "relu": keras.activations.relu,
    "silu": keras.activations.silu,
    "swish": keras.activations.silu,
    "tanh": keras.activations.tanh,
}


class EncoderConfig(Protocol):
    """What is asked of every encoder's shape.

    Attributes:
        vocabulary_size: rows of its table of pieces.
        embedding_width: columns of that table.
        width: of its states.
        blocks: that it has.
        max_positions: pieces that it reads at once, at most.
    """

    vocabulary_size: int
    embedding_width: int
    width: int
    blocks: int
    max_positions: int


class Layout(enum.Enum):
    """How a checkpoint lays out the values of one of our weights."""

    AS_IS = "as it is"
    TRANSPOSED = "kernels, whose rows are outputs there"
    PIECES = "one row per piece, in the order of the checkpoint's ids"


@dataclass(frozen=True)
class Tensor:
    """A weight in a checkpoint.

    Attributes:
        name: as it is written. Read with or without the family's prefix.
        layout: of its values.
    """

    name: str
    layout: Layout = Layout.AS_IS

    def from_checkpoint(self, values: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Values as our layer has them.

        Args:
            values: of the checkpoint's tensor.
            rows: `(V,)` the checkpoint's row of each of our rows of pieces; its own inverse.
        """
        if self.layout is Layout.TRANSPOSED:
            return values.T
        if self.layout is Layout.AS_IS or np.array_equal(rows, np.arange(len(values))):
            return values
        # a table of another size stays as it is: shapes are compared afterwards
        return values[rows] if len(values) == len(rows) else values

    def to_checkpoint(self, values: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """The inverse of `from_checkpoint`: both reorderings undo themselves."""
        return np.ascontiguousarray(self.from_checkpoint(values, rows))


# (layer, weight) of ours -> where a checkpoint has it.
Tensors = dict[tuple[str, str], Tensor]
Config = TypeVar("Config", bound=EncoderConfig)


def dense_tensors(layer: str, name: str) -> Tensors:
    """The two tensors of a dense layer, `name.weight` and `name.bias`."""
    return {
        (layer, "kernel"): Tensor(f"{name}.weight", Layout.TRANSPOSED),
        (layer, "bias"): Tensor(f"{name}.bias"),
    }


def norm_tensors(layer: str, name: str) -> Tensors:
    """The two tensors of a layer normalization."""
    return {(layer, "gamma"): Tensor(f"{name}.weight"), (layer, "beta"): Tensor(f"{name}.bias")}


def _last_states(
    config: EncoderConfig, x: keras.KerasTensor, ids: keras.KerasTensor
) -> keras.KerasTensor:
    return x


@dataclass(frozen=True)
class Head(Generic[Config]):
    """How a family reads its last states for one task.

    Attributes:
        build: from the shape, what `read` gives and the number of classes to logits: `(batch,
            length, classes)` for tags, `(batch, classes)` for texts.
        tensors: its weights, those of the final layer, `HEAD`, among them.
        read: from the shape, the last states `(batch, length, width)` and the ids to what `build`
            starts from: those states, where a family does not say otherwise (a norm after the last
            block; a mean over real pieces, which only the ids tell).
    """

    build: Callable[[Config, keras.KerasTensor, int], keras.KerasTensor]
    tensors: Callable[[Config], Tensors]
    read: Callable[[Config, keras.KerasTensor, keras.KerasTensor], keras.KerasTensor] = _last_states


@dataclass(frozen=True)
class Family(Generic[Config]):
    """A family of encoders.

    Attributes:
        name: of the family.
        model_types: values of `model_type` in `config.json` that are of it.
        prefix: of the names of its encoder's tensors in a checkpoint that has a head.
        config: the class of its shape.
        read_config: the shape, from the content of `config.json`, the file's path for errors,
            whether the checkpoint has a tensor of a name, and the task. Raises CheckpointError
            for a feature that the encoder does not have.
        write_config: the content of a `config.json` that `read_config` and Hugging Face read, for
            a task; without the labels.
        encode: from the shape and `(batch, length)` int32 ids, 0 where padded, to the states
            `(batch, length, width)` after the embeddings and after each block.
        tensors: the encoder's weights.
        heads: by task, `ner` and `classification`.
    """

    name: str
    model_types: tuple[str, ...]
    prefix: str
    config: type[Config]
    read_config: Callable[[Mapping[str, Any], str, Callable[[str], bool], str], Config]
    write_config: Callable[[Config, str], dict[str, Any]]
    encode: Callable[[Config, keras.KerasTensor], list[keras.KerasTensor]]
    tensors: Callable[[Config], Tensors]
    heads: Mapping[str, Head[Config]]


def complete_config(reference: Any, content: Mapping[str, Any], path: str) -> Any:
    """A `config.json` with the reference's value for all that it leaves out.

    Args:
        reference: the class of configurations of transformers.
        content: of the file; stays as it is.
        path: of the file, for the error.

    Raises:
        CheckpointError: the reference refuses it.
    """
    from huggingface_hub.errors import StrictDataclassError  # as slow to import as the reference

    try:
        return reference.from_dict(copy.deepcopy(dict(content)))
    except (StrictDataclassError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise CheckpointError(
            f"{path}: not a configuration of its model_type, as {reference.__name__} reads it "
            f"({error})."
        ) from error


def require(holds: bool, rule: str, path: str, **received: object) -> None:
    """Raises CheckpointError with a rule of `config.json`, unless it holds."""
    if not holds:
        values = ", ".join(f"{name}={value!r}" for name, value in received.items())
        raise CheckpointError(f"{path}: {rule}. Received: {values}")


def require_activations(path: str, **received: object) -> None:
    """Raises CheckpointError unless every named field has a known activation."""
    for name, value in received.items():
        rule = f"{name} must be one of {', '.join(ACTIVATIONS)}"
        require(value in ACTIVATIONS, rule, path, **{name: value})


def initializer() -> keras.initializers.Initializer:
    """How the weights of every family start."""
    return keras.initializers.TruncatedNormal(stddev=0.02)


def final_layer(x: keras.KerasTensor, classes: int, dropout: float) -> keras.KerasTensor:
    """Logits `(..., classes)`, from dropout and the layer `HEAD`, in float32."""
    x = layers.Dropout(dropout, name="head_dropout")(x)
    start = initializer()
    return layers.Dense(classes, kernel_initializer=start, dtype="float32", name=HEAD)(x)
