"""The state of a half-done training on disk: whole, or told from what is whole."""

import tracemalloc

import keras
import numpy as np
import pytest
import safetensors

from xtremedistil.runtime import files
from xtremedistil.training.state import TrainingState
from xtremedistil.training.state_file import Tensor, write_state


def state_of(path, width=3):
    """The state of a small model, with ones in place of the optimizer's zeros."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(width, name="head")])
    optimizer = keras.optimizers.Adam(0.1)
    optimizer.build(model.trainable_variables)
    for variable in optimizer.variables:
        variable.assign(variable * 0 + 1)
    state = TrainingState(str(path), model, optimizer)
    state.history = [{"epoch": 0, "loss": None}]
    return state


def values(state):
    """Every array that a state holds."""
    variables = (*state.model.variables, *state.optimizer.variables)
    return [*(np.array(v.numpy()) for v in variables), *state.best]


@pytest.mark.parametrize("folder", ["", "ram://states"])
def test_a_state_is_taken_up_as_it_was_saved(tmp_path, folder):
    path = f"{folder or tmp_path}/state.safetensors"
    saved, other = state_of(path), state_of(path)
    saved.batch, saved.losses, saved.best_score = 7, [0.5], -0.25
    saved.best = [value + 1 for value in saved.best]
    saved.save()
    assert other.load()
    assert (other.batch, other.losses, other.best_score) == (7, [0.5], -0.25)
    assert other.history == saved.history
    for expected, found in zip(values(saved), values(other), strict=True):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype


def test_others_read_its_file_with_the_safetensors_library(tmp_path):
    state = state_of(tmp_path / "state.safetensors")
    state.save()
    with safetensors.safe_open(state.path, "numpy") as file:
        np.testing.assert_array_equal(file.get_tensor("best.00000"), state.best[0])
        assert file.get_tensor("optimizer.00000").dtype == np.int64  # its steps so far


@pytest.mark.parametrize("place", [3, 40, -200, -1])
@pytest.mark.parametrize("damage", ["cut", "altered"])
def test_a_damaged_state_is_not_taken_up(tmp_path, caplog, damage, place):
    path = tmp_path / "state.safetensors"
    state_of(path).save()
    content = bytearray(path.read_bytes())
    if damage == "cut":
        del content[place:]
    else:
        content[place] ^= 1
    path.write_bytes(content)
    state = state_of(path)
    before = values(state)
    assert not state.load()
    assert "state.safetensors is damaged" in caplog.text
    for expected, found in zip(before, values(state), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_state_of_another_model_changes_nothing(tmp_path, caplog):
    state_of(tmp_path / "state.safetensors", width=2).save()
    state = state_of(tmp_path / "state.safetensors")
    before = values(state)
    assert not state.load()
    assert "shape (4, 2), not (4, 3)" in caplog.text
    for expected, found in zip(before, values(state), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_saving_holds_one_tensor_at_a_time(tmp_path):
    number, size = 16, 1 << 20
    tensors = {
        str(i): Tensor(np.dtype("uint8"), (size,), lambda i=i: np.full(size, i, np.uint8))
        for i in range(number)
    }
    tracemalloc.start()
    try:
        write_state(str(tmp_path / "state"), tensors, {})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert files.size(str(tmp_path / "state")) > number * size
    assert peak < 4 * size
