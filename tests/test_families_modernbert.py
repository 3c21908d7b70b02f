"""ModernBERT teachers against the golden values of the reference."""

import pytest
from golden_encoder import assert_equals_the_reference, assert_survives_a_round_trip, copy_golden

FOLDERS = ("modernbert-token", "modernbert-mean", "modernbert-cls")


@pytest.mark.parametrize("name", FOLDERS)
def test_equals_the_reference_padding_included(name, tmp_path):
    assert_equals_the_reference(copy_golden(name, tmp_path / "a"))


@pytest.mark.parametrize("name", FOLDERS)
def test_a_checkpoint_survives_a_round_trip(name, tmp_path):
    assert_survives_a_round_trip(copy_golden(name, tmp_path / "a"), tmp_path / "b")
