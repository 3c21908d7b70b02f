"""The student's sizes, layers and heads."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from xtremedistil.config import StudentConfig
from xtremedistil.runtime.errors import ConfigError
from xtremedistil.students.embeddings import mapped_from
from xtremedistil.students.layers import RowEmbedding
from xtremedistil.students.registry import KINDS
from xtremedistil.students.student import (
    LABEL_HEAD,
    LOGIT_HEAD,
    StudentShape,
    build_student,
    copy_head,
    deployed,
    fold_map,
    set_trainable,
)
from xtremedistil.students.transformer import attention_heads

# Tables 15 (BiLSTM) and 16: (E, H) -> millions of parameters, as printed there.
TABLE_15 = {
    (50, 100): 4.7, (200, 100): 18.1, (300, 100): 27, (50, 200): 5.1, (300, 200): 27.7,
    (50, 400): 6.5, (200, 400): 20.2, (100, 400): 11.1, (300, 400): 29.4, (50, 600): 8.5,
    (100, 600): 13.1, (200, 600): 22.5, (300, 600): 31.8,
}  # fmt: skip
TABLE_16 = {
    (300, 600): 31.8, (200, 600): 22.5, (300, 400): 29.4, (200, 400): 20.2, (100, 600): 13.1,
    (100, 400): 11.1, (50, 600): 8.5, (300, 200): 27.7, (200, 200): 18.7, (50, 400): 6.5,
    (100, 200): 9.6, (50, 200): 5.1, (300, 100): 27, (200, 100): 18.1, (100, 100): 9.2,
    (50, 100): 4.7,
}  # fmt: skip
SMALL = StudentShape(50, 6, 8, 12, 5)


@pytest.mark.parametrize("table", [TABLE_15, TABLE_16])
def test_parameter_counts_of_the_paper(table):
    for (embedding_dim, hidden_size), millions in table.items():
        shape = StudentShape(88_500, embedding_dim, hidden_size, 768, 11)
        digits = 1 if millions != int(millions) else 0
        assert round(shape.deployed_parameters / 1e6, digits) == millions, (
            embedding_dim,
            hidden_size,
        )


@pytest.mark.parametrize("task", ["ner", "classification"])
@pytest.mark.parametrize("heads_on", ["projection", "states"])
def test_the_count_from_the_shape_is_that_of_the_model(task, heads_on):
    shape = StudentShape(50, 6, 8, 12, 5, task, heads_on)
    model = deployed(build_student(shape, 0.1), LABEL_HEAD)
    assert model.count_params() == shape.deployed_parameters
    names = {layer.name for layer in model.layers}
    assert ("projection" in names) == (heads_on == "projection")


def test_outputs_and_their_shapes():
    ids = np.ones((2, 7), np.int32)
    shapes = {name: tuple(v.shape) for name, v in build_student(SMALL, 0.0)(ids).items()}
    assert shapes == {"representation": (2, 7, 12), LOGIT_HEAD: (2, 7, 5), LABEL_HEAD: (2, 7, 5)}
    texts = StudentShape(50, 6, 8, 12, 5, "classification")
    shapes = {name: tuple(v.shape) for name, v in build_student(texts, 0.0)(ids).items()}
    assert shapes == {"representation": (2, 12), LOGIT_HEAD: (2, 5), LABEL_HEAD: (2, 5)}


@pytest.mark.parametrize("task", ["ner", "classification"])
def test_padding_changes_nothing(task):
    model = build_student(StudentShape(50, 6, 8, 12, 5, task), 0.0)
    ids = np.random.default_rng(0).integers(1, 50, (3, 6)).astype(np.int32)
    ids[1, 4:] = 0
    padded = np.pad(ids, ((0, 0), (0, 5)))
    for name, values in model(ids).items():
        longer = np.asarray(model(padded)[name])
        longer = longer[:, :6] if task == "ner" else longer
        real = ids != 0 if task == "ner" else slice(None)
        np.testing.assert_allclose(longer[real], np.asarray(values)[real], atol=1e-6)


def test_one_seed_gives_one_student():
    def weights(seed):
        return build_student(SMALL, 0.1, seed).get_weights()

    assert all(np.array_equal(a, b) for a, b in zip(weights(3), weights(3), strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(weights(3), weights(4), strict=True))


def test_steps_train_the_layers_that_they_name():
    model = build_student(SMALL, 0.0)
    set_trainable(model, ("head", "projection"), (LOGIT_HEAD,))
    assert {v.path.split("/")[0] for v in model.trainable_variables} == {LOGIT_HEAD, "projection"}
    set_trainable(model, ("head", "projection", "encoder", "embeddings"), (LOGIT_HEAD, LABEL_HEAD))
    assert len(model.trainable_variables) == len(model.weights)


def mapped_student(length: float = 2.0) -> tuple[keras.Model, np.ndarray]:
    """One whose embeddings share a map of seven dimensions."""
    table = np.random.default_rng(5).normal(1.0, 0.1, (SMALL.vocabulary_size, 7)).astype(np.float32)
    known = mapped_from(table, length)
    return build_student(SMALL, 0.0, known=known), known


def test_what_a_map_reads_has_no_mean_and_the_length_that_was_asked_for():
    _, known = mapped_student(length=3.0)
    np.testing.assert_allclose(known.mean(axis=0), 0, atol=1e-5)
    assert np.sqrt(np.square(known).sum(axis=1).mean()) == pytest.approx(3.0, rel=1e-5)
    assert not mapped_from(np.ones((4, 3), np.float32), 3.0).any()  # rows that are all alike


def test_a_map_starts_at_zero_and_folds_into_rows_that_compute_the_same():
    ids = np.random.default_rng(0).integers(1, SMALL.vocabulary_size, (4, 6)).astype(np.int32)
    plain = build_student(SMALL, 0.0)
    model, known = mapped_student()
    layer = model.get_layer("embeddings")
    outputs = {m: np.asarray(m(ids)["representation"]) for m in (plain, model)}
    np.testing.assert_array_equal(outputs[plain], outputs[model])

    rows, learned = layer.embeddings.numpy(), np.full((7, SMALL.embedding_dim), 0.3, np.float32)
    learned[1] = -1.0
    layer.map.assign(learned)
    before = np.asarray(model(ids)["representation"])
    assert np.abs(before - outputs[model]).max() > 0.01
    fold_map(model)
    np.testing.assert_allclose(layer.embeddings.numpy(), rows + known @ learned, atol=1e-5)
    assert not layer.map.numpy().any()
    np.testing.assert_allclose(np.asarray(model(ids)["representation"]), before, atol=1e-5)
    fold_map(model)  # of nothing, and of a student without a map, it changes nothing
    np.testing.assert_allclose(np.asarray(model(ids)["representation"]), before, atol=1e-5)
    fold_map(plain)


def test_a_map_moves_pieces_that_no_batch_showed_and_is_trained_with_the_rows_alone():
    model, known = mapped_student()
    layer = model.get_layer("embeddings")
    set_trainable(model, ("head", "encoder"), (LOGIT_HEAD,))
    assert not any(v.path.startswith("embeddings") for v in model.trainable_variables)
    set_trainable(model, ("embeddings",), ())
    assert model.trainable_variables == [layer.embeddings, layer.map]

    seen, unseen, rows = 3, 4, layer.embeddings.numpy()
    ids = np.full((1, 5), seen, np.int32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(ids)["representation"] ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)
    assert isinstance(gradients[0], tf.IndexedSlices)  # as `LazyAdam` wants a table's
    keras.optimizers.Adam(0.1).apply(gradients, model.trainable_variables)
    np.testing.assert_array_equal(layer.embeddings.numpy()[unseen], rows[unseen])
    fold_map(model)
    assert known[seen] @ known[unseen]  # else the map would tell the two pieces apart wholly
    assert np.abs(layer.embeddings.numpy() - rows)[unseen].max() > 1e-3


def test_the_label_head_starts_where_the_logit_head_ended():
    model = build_student(SMALL, 0.0)
    ids = np.ones((1, 3), np.int32)
    assert not np.allclose(model(ids)[LOGIT_HEAD], model(ids)[LABEL_HEAD])
    copy_head(model)
    np.testing.assert_array_equal(
        np.asarray(model(ids)[LOGIT_HEAD]), np.asarray(model(ids)[LABEL_HEAD])
    )


def test_a_linear_projection_reaches_what_gelu_cannot():
    shape = StudentShape(50, 6, 8, 12, 5, projection="linear")
    ids = np.random.default_rng(0).integers(1, 50, (8, 9)).astype(np.int32)
    representation = {}
    for kind in (shape, SMALL):
        model = build_student(kind, 0.0, seed=1)
        model.get_layer("projection").bias.assign(np.full(12, -1.0))
        representation[kind.projection] = np.asarray(model(ids)["representation"])
    assert representation["linear"].min() < -0.5
    assert representation["gelu"].min() > -0.171
    assert isinstance(model, keras.Model)


# Table 15, Transformer: (E, depth) -> millions of parameters. Its blocks are not specified there.
TABLE_15_TRANSFORMER = {
    (48, 2): 4.4, (144, 1): 13.4, (72, 2): 6.7, (96, 2): 9, (132, 2): 12.5, (204, 2): 19.7,
    (228, 2): 22.1, (240, 2): 23.3, (252, 2): 24.6, (228, 3): 22.7, (240, 3): 24,
    (252, 3): 25.3, (276, 3): 28,
}  # fmt: skip
TINY_TRANSFORMER = StudentShape(50, 24, 0, 40, 5, encoder="transformer", depth=2)


def test_transformer_counts_come_near_the_papers():
    for (width, depth), millions in TABLE_15_TRANSFORMER.items():
        shape = StudentShape(88_500, width, 0, 768, 11, encoder="transformer", depth=depth)
        assert -0.025 < shape.deployed_parameters / 1e6 / millions - 1 < 0, (width, depth)


@pytest.mark.parametrize("task", ["ner", "classification"])
def test_the_transformer_has_the_same_interface(task):
    shape = dataclasses.replace(TINY_TRANSFORMER, task=task)
    model = build_student(shape, 0.1)
    assert deployed(model, LABEL_HEAD).count_params() == shape.deployed_parameters
    ids = np.array([[3, 4, 5, 0, 0], [9, 8, 7, 6, 5]], np.int32)
    long, short = model(ids)[LABEL_HEAD], model(ids[:1, :3])[LABEL_HEAD]
    first = long[0, :3] if task == "ner" else long[0]
    np.testing.assert_allclose(first, short[0], atol=1e-5)
    set_trainable(model, ("head", "projection", "encoder"), (LOGIT_HEAD,))
    frozen = {v.path.split("/")[0] for v in model.non_trainable_variables if "seed" not in v.path}
    assert frozen == {"embeddings", LABEL_HEAD}


def test_attention_heads_divide_the_width():
    assert [attention_heads(width) for width in (96, 50, 7)] == [12, 2, 1]


def test_a_transformers_arithmetic():
    # two blocks, five pieces of width 24: 12 matrices of 24 x 24, and 5 keys and 5 values each
    by_hand = 2 * 5 * (12 * 24 * 24 + 2 * 5 * 24)
    assert TINY_TRANSFORMER.kind.multiplications(TINY_TRANSFORMER, 5) == by_hand


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"encoder": "gru"}, "one of bilstm, transformer. Received: encoder='gru'"),
        ({"embedding_dim": 0}, "embedding_dim=0"),
        ({"hidden_size": 0}, "hidden_size=0"),
        ({"hidden_size": 8.0}, "hidden_size=8.0"),
        ({"encoder": "transformer", "depth": 0}, "depth=0"),
        ({"encoder": "transformer", "hidden_size": -1}, "hidden_size=-1"),
    ],
)
def test_shapes_that_no_student_has(wrong, message):
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(SMALL, **wrong)


def test_every_name_of_the_flag_is_a_kind():
    (field,) = (f for f in dataclasses.fields(StudentConfig) if f.name == "student")
    assert field.metadata["choices"] == tuple(KINDS)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_a_step_reads_of_the_table_what_its_batch_holds(policy):
    ids = np.array([[3, 1, 0], [3, 3, 2]], np.int32)
    ours, kerass = RowEmbedding(5, 4, dtype=policy), keras.layers.Embedding(5, 4, dtype=policy)
    expected = kerass(ids)
    ours.build()
    ours.set_weights(kerass.get_weights())
    traced = tf.function(ours.call).get_concrete_function(tf.TensorSpec((None, None), tf.int32))
    kinds = {operation.type for operation in traced.graph.get_operations()}
    assert "ResourceGather" in kinds
    assert "ReadVariableOp" not in kinds
    found = ours(ids)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found.numpy(), expected.numpy())
