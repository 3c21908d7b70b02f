"""ModernBERT teachers against the golden values of the reference, and their layers by hand."""

import numpy as np
import pytest
import safetensors.numpy
from golden_encoder import (
    assert_equals_the_reference,
    assert_layer_is_rebuilt,
    assert_survives_a_round_trip,
    assert_traces_once,
    copy_golden,
    edit_config,
)

from xtremedistil.data.labels import LabelSet
from xtremedistil.runtime.errors import CheckpointError
from xtremedistil.teachers.rotary import Gate, MeanOfReal, RotaryAttention
from xtremedistil.teachers.teacher import load_teacher

FOLDERS = ("modernbert-token", "modernbert-mean", "modernbert-cls")


@pytest.mark.parametrize("name", FOLDERS)
def test_equals_the_reference_padding_included(name, tmp_path):
    assert_equals_the_reference(copy_golden(name, tmp_path / "a"))


@pytest.mark.parametrize("name", FOLDERS)
def test_a_checkpoint_survives_a_round_trip(name, tmp_path):
    assert_survives_a_round_trip(copy_golden(name, tmp_path / "a"), tmp_path / "b")


def test_texts_of_every_shape_share_a_trace(tmp_path):
    assert_traces_once(copy_golden("modernbert-mean", tmp_path / "a"))


def test_both_forms_of_a_configuration_say_the_same(tmp_path):
    golden = copy_golden("modernbert-token", tmp_path / "a")
    by_number = golden.open().config
    assert by_number.local == (False, True, True, False)
    old = ("global_attn_every_n_layers", "global_rope_theta", "local_rope_theta")
    edit_config(
        golden,
        **dict.fromkeys(old),
        layer_types=["full_attention", *2 * ["sliding_attention"], "full_attention"],
        rope_parameters={
            "full_attention": {"rope_type": "default", "rope_theta": 1000.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
        },
    )
    assert golden.open().config == by_number


def test_the_head_of_pretraining_comes_with_the_encoder(tmp_path):
    golden = copy_golden("modernbert-token", tmp_path / "a")
    edit_config(golden, architectures=["ModernBertForMaskedLM"])
    path = golden.folder / "model.safetensors"
    tensors = safetensors.numpy.load_file(path)
    kept = {name: v for name, v in tensors.items() if not name.startswith("classifier.")}
    safetensors.numpy.save_file(kept, path)
    checkpoint = golden.open()
    assert checkpoint.labels is None
    model = load_teacher(checkpoint, LabelSet(("O", "B-X"), "ner"))
    kernel = model.get_layer("head_dense").kernel.numpy()
    np.testing.assert_array_equal(kernel, tensors["head.dense.weight"].T)


def test_a_window_hides_far_pieces():
    # no queries, so that each piece gets the mean of the values that it sees; piece 4 is padding
    values = np.array([1, 2, 4, 8, 16], np.float32)
    projected = np.zeros((1, 5, 6), np.float32)
    projected[0, :, 4] = values
    real = np.array([[True, True, True, True, False]])
    mixed = np.asarray(RotaryAttention(1, 0.0, 100.0, window=1)(projected, real))[0, :4, 0]
    np.testing.assert_allclose(mixed, [3 / 2, 7 / 3, 14 / 3, 12 / 2], rtol=1e-6)


def test_a_mean_leaves_out_padding():
    x = np.array([[[2.0, 4.0], [4.0, 8.0], [9.0, 9.0]], [[1.0, 3.0], [5.0, 5.0], [7.0, 7.0]]])
    real = np.array([[True, True, False], [True, False, False]])
    assert np.asarray(MeanOfReal()(x, real)).tolist() == [[3, 6], [1, 3]]


@pytest.mark.parametrize(
    "layer",
    [RotaryAttention(2, 0.1, 100.0, 3), Gate("silu"), MeanOfReal()],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_are_rebuilt_from_their_configuration(layer):
    assert_layer_is_rebuilt(layer)


ROPE = {"rope_type": "linear", "factor": 2.0, "rope_theta": 100.0}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_activation": "mish"}, "hidden_activation must be one of gelu"),
        ({"classifier_activation": "mish"}, "classifier_activation must be one of gelu"),
        ({"num_attention_heads": 16}, r"heads of an even size.*num_attention_heads=16"),
        ({"head_dim": 4}, r"heads of an even size .*head_dim=4"),
        ({"layer_types": ["full_attention"]}, "must be equal to the number of `layer_types`"),
        ({"layer_types": 4 * ["chunked_attention"]}, r"must be full_attention or sliding_att"),
        ({"classifier_pooling": "max"}, "model_type, as ModernBertConfig reads it"),
        (
            {"rope_parameters": {"full_attention": ROPE, "sliding_attention": ROPE}},
            r"rope_type must be 'default'.*linear",
        ),
    ],
)
def test_what_is_no_usable_modernbert_is_refused(tmp_path, changes, message):
    golden = copy_golden("modernbert-token", tmp_path / "a")
    edit_config(golden, **changes)
    with pytest.raises(CheckpointError, match=message):
        golden.open()
