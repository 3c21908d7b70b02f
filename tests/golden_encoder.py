"""Golden encoders (`golden/README.md`) as teachers: their values against ours, both ways."""

import pathlib
import shutil
from dataclasses import dataclass

import keras
import numpy as np
import safetensors.numpy
import tensorflow as tf

from xtremedistil.config import TeacherConfig
from xtremedistil.runtime import files
from xtremedistil.teachers.teacher import Checkpoint, load_teacher, open_checkpoint, save_teacher

GOLDEN = pathlib.Path(__file__).parent / "golden"
TOLERANCE = 1e-5
PADDED = 5  # more places than the longest text has


@dataclass(frozen=True)
class Golden:
    """A golden folder, with a made-up tokenizer of its size, and what the reference makes of it.

    Attributes:
        folder: a copy of it.
        task: of its head.
        ids: `(texts, length)` int32, as ours: 0 where padded.
        arrays: those of `golden.safetensors`.
    """

    folder: pathlib.Path
    task: str
    ids: np.ndarray
    arrays: dict[str, np.ndarray]

    def open(self) -> Checkpoint:
        return open_checkpoint(TeacherConfig(teacher=str(self.folder)), self.task, "")


def copy_golden(name: str, folder: pathlib.Path) -> Golden:
    """Copies a golden folder, and gives it a WordPiece vocabulary that has padding where it is."""
    shutil.copytree(GOLDEN / name, folder)
    config = files.read_json(str(folder / "config.json"))
    arrays = safetensors.numpy.load_file(folder / "golden.safetensors")
    padding = config["pad_token_id"]
    pieces = ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces.insert(padding, "[PAD]")
    pieces += [f"piece{i}" for i in range(len(pieces), config["vocab_size"])]
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces))
    files.write_json(str(folder / "tokenizer_config.json"), {"tokenizer_class": "BertTokenizer"})
    # padding and piece 0 change places
    renumber = np.arange(config["vocab_size"], dtype=np.int32)
    renumber[[0, padding]] = renumber[[padding, 0]]
    sequence = config["architectures"][0].endswith("ForSequenceClassification")
    task = "classification" if sequence else "ner"
    return Golden(folder, task, renumber[arrays["input_ids"]], arrays)


def edit_config(golden: Golden, **changes: object) -> None:
    """Changes fields of `config.json`; None removes one."""
    path = str(golden.folder / "config.json")
    config = files.read_json(path) | changes
    files.write_json(path, {name: value for name, value in config.items() if value is not None})


def all_states(checkpoint: Checkpoint) -> keras.Model:
    """A teacher that gives the states after the embeddings and after every block."""
    model = load_teacher(checkpoint, checkpoint.labels)
    ids = keras.Input((None,), dtype="int32")
    states = checkpoint.family.encode(checkpoint.config, ids)
    encoder = keras.Model(ids, states)
    for layer in encoder.layers:
        if layer.weights:
            layer.set_weights(model.get_layer(layer.name).get_weights())
    return encoder


def assert_equals_the_reference(golden: Golden) -> None:
    """Every state and the logits at real pieces, with the padding that the batch has and more."""
    checkpoint = golden.open()
    model, encoder = load_teacher(checkpoint, checkpoint.labels), all_states(checkpoint)
    real = golden.arrays["attention_mask"].astype(bool)
    for ids in (golden.ids, np.pad(golden.ids, ((0, 0), (0, PADDED)))):
        logits = np.asarray(model(ids)["logits"])
        states = np.asarray(encoder(ids))[:, :, : real.shape[1]]
        np.testing.assert_allclose(
            states[:, real], golden.arrays["states"][:, real], rtol=0, atol=TOLERANCE
        )
        expected = golden.arrays["logits"]
        if logits.ndim == 3:
            logits, expected = logits[:, : real.shape[1]][real], expected[real]
        np.testing.assert_allclose(logits, expected, rtol=0, atol=TOLERANCE)


def assert_layer_is_rebuilt(layer: keras.layers.Layer) -> None:
    """A layer of the class, made from its configuration, has that configuration."""
    content = keras.saving.serialize_keras_object(layer)
    rebuilt = keras.saving.deserialize_keras_object(content)
    assert type(rebuilt) is type(layer)
    assert rebuilt.get_config() == layer.get_config()


def assert_traces_once(golden: Golden) -> None:
    """One trace of the teacher, of open batch and length, answers for texts of every shape."""
    checkpoint = golden.open()
    model = load_teacher(checkpoint, checkpoint.labels)
    traced = tf.function(model, input_signature=[tf.TensorSpec((None, None), tf.int32)])
    for ids in (golden.ids, golden.ids[:1, :2]):
        np.testing.assert_allclose(
            traced(tf.constant(ids))["logits"], model(ids)["logits"], rtol=0, atol=TOLERANCE
        )
    assert traced.experimental_get_tracing_count() == 1


def assert_survives_a_round_trip(golden: Golden, folder: pathlib.Path) -> None:
    """What is saved has the tensors of the checkpoint, and the same shape and logits again."""
    checkpoint = golden.open()
    model = load_teacher(checkpoint, checkpoint.labels)
    folder.mkdir()
    save_teacher(str(folder), model, checkpoint, checkpoint.labels)
    before = safetensors.numpy.load_file(golden.folder / "model.safetensors")
    after = safetensors.numpy.load_file(folder / "model.safetensors")
    assert set(after) == set(before)
    for name, values in after.items():
        np.testing.assert_array_equal(values, before[name])
    again = Golden(folder, golden.task, golden.ids, golden.arrays).open()
    assert (again.config, again.labels) == (checkpoint.config, checkpoint.labels)
    restored = load_teacher(again, again.labels)(golden.ids)["logits"]
    np.testing.assert_array_equal(np.asarray(restored), np.asarray(model(golden.ids)["logits"]))
