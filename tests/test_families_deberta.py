"""DeBERTa teachers against the golden values of the reference, and their layers by hand."""

import pytest
from golden_encoder import (
    assert_equals_the_reference,
    assert_layer_is_rebuilt,
    assert_survives_a_round_trip,
    assert_traces_once,
    copy_golden,
    edit_config,
)

from xtremedistil.runtime.errors import CheckpointError
from xtremedistil.teachers.disentangled import (
    AddRows,
    ClearPadding,
    DisentangledAttention,
    DistanceTable,
    distance_rows,
)

FOLDERS = (
    "deberta-v3-token",
    "deberta-v3-sequence",
    "deberta-v2-token",
    "deberta-unshared-token",
)


@pytest.mark.parametrize("name", FOLDERS)
def test_equals_the_reference_padding_included(name, tmp_path):
    assert_equals_the_reference(copy_golden(name, tmp_path / "a"))


@pytest.mark.parametrize("name", FOLDERS)
def test_a_checkpoint_survives_a_round_trip(name, tmp_path):
    assert_survives_a_round_trip(copy_golden(name, tmp_path / "a"), tmp_path / "b")


def test_texts_of_every_shape_share_a_trace(tmp_path):
    assert_traces_once(copy_golden("deberta-v2-token", tmp_path / "a"))


def test_without_buckets_each_distance_has_a_row():
    # six rows: the farthest distance ahead shares the last one
    assert distance_rows(3, 0).tolist() == [0, 1, 2, 3, 4, 5, 5]


def test_far_distances_share_a_row():
    # half of 4 buckets is 2; beyond it ceil(log(d / 2) / log(8 / 2)) + 2: 3 up to a distance of 8
    rows = [0, 1, 1, 1, 1, 1, 1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 7, 7, 7]
    assert distance_rows(9, 4).tolist() == rows


@pytest.mark.parametrize(
    "layer",
    [
        DisentangledAttention(2, 0.1, 9, 4),
        DistanceTable(8, 6),
        AddRows(2, by_position=False),
        ClearPadding(),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_are_rebuilt_from_their_configuration(layer):
    assert_layer_is_rebuilt(layer)


def test_fields_that_are_absent_mean_what_they_mean_to_the_reference(tmp_path):
    golden = copy_golden("deberta-v3-sequence", tmp_path / "a")
    names = ("position_buckets", "share_att_key", "norm_rel_ebd", "max_relative_positions")
    edit_config(golden, **dict.fromkeys(names), cls_dropout=0.4)
    config = golden.open().config
    assert (config.buckets, config.max_distance) == (0, 40)
    assert (config.shared_projections, config.norm_distances) == (False, False)
    assert (config.dropout, config.text_dropout) == (0.1, 0.4)
    assert config.attends == ("p2c", "c2p")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"relative_attention": False}, "only encoders with relative_attention=True"),
        ({"pos_att_type": "c2p|p2p"}, r"must be c2p, p2c or both.*Received: .*'p2p'"),
        ({"pos_att_type": None}, r"must be c2p, p2c or both.*Received: pos_att_type=None"),
        ({"norm_rel_ebd": "rms"}, r"none or layer_norm.*Received: norm_rel_ebd='rms'"),
        ({"position_buckets": 7}, r"must be even.*Received: position_buckets=7"),
        ({"position_buckets": 80}, r"half of it below.*80, max_relative_positions=40"),
        ({"position_buckets": "8"}, r"must be of type int.*Received: position_buckets='8'"),
        ({"conv_kernel_size": 3, "conv_groups": 2}, r"conv_groups 1.*conv_groups=2"),
        ({"conv_kernel_size": 4}, r"must be odd.*Received: conv_kernel_size=4"),
        ({"conv_act": "mish"}, r"conv_act must be one of gelu.*Received: conv_act='mish'"),
        ({"pooler_hidden_act": "mish"}, "pooler_hidden_act must be one of gelu"),
        ({"pooler_hidden_size": 8}, r"must equal hidden_size.*pooler_hidden_size=8"),
        ({"num_attention_heads": 3}, r"must divide hidden_size.*num_attention_heads=3"),
        ({"hidden_size": "16"}, r"config.json: not a configuration .* as DebertaV2Config reads it"),
    ],
)
def test_what_is_no_usable_deberta_is_refused(tmp_path, changes, message):
    golden = copy_golden("deberta-v3-token", tmp_path / "a")
    edit_config(golden, **changes)
    with pytest.raises(CheckpointError, match=message):
        golden.open()
