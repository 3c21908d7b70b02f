"""DeBERTa teachers against the golden values of the reference."""

import pytest
from golden_encoder import assert_equals_the_reference, assert_survives_a_round_trip, copy_golden

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
