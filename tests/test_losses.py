"""Losses against values computed by hand."""

import math

import numpy as np
import pytest

from xtremedistil.distil.losses import (
    LOSSES,
    Moments,
    cosine_representation_loss,
    label_loss,
    logit_loss,
    representation_loss,
    squared_representation_loss,
    standardize,
)

MASK = np.array([[1, 1, 0]], np.float32)


def test_logit_loss_is_half_the_squared_distance_averaged_over_real_pieces():
    student = np.array([[[1.0, 2.0], [0.0, 0.0], [9.0, 9.0]]], np.float32)
    teacher = np.array([[[0.0, 4.0], [1.0, 0.0], [0.0, 0.0]]], np.float32)
    assert float(logit_loss(student, teacher, MASK)) == pytest.approx((0.5 * (1 + 4) + 0.5 * 1) / 2)


def test_representation_loss_is_kl_from_teacher_to_student():
    # softmax of (log 3, 0) is (3/4, 1/4); of (0, 0) it is (1/2, 1/2)
    teacher = np.array([[[math.log(3), 0], [0, 0], [5, 0]]], np.float32)
    student = np.array([[[0, 0], [0, 0], [0, 5]]], np.float32)
    kl = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert float(representation_loss(student, teacher, MASK)) == pytest.approx(kl / 2, rel=1e-6)
    reverse = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    assert float(representation_loss(teacher, student, MASK)) == pytest.approx(
        reverse / 2, rel=1e-6
    )


def test_squared_representation_loss_averages_over_the_width():
    teacher = np.array([[[1.0, 3.0], [0, 0], [7, 7]]], np.float32)
    assert float(
        squared_representation_loss(np.zeros_like(teacher), teacher, MASK)
    ) == pytest.approx((1 + 9) / 2 / 2)


def test_cosine_loss_sees_directions_alone():
    teacher = np.array([[[3.0, 0.0], [0.0, 2.0], [1, 1]]], np.float32)
    student = np.array([[[1.0, 1.0], [0.0, -5.0], [0, 0]]], np.float32)
    expected = ((1 - 1 / math.sqrt(2)) + 2) / 2
    found = float(cosine_representation_loss(student, teacher, MASK))
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_dimension_that_varies_by_rounding_alone_stays_small():
    targets = np.array([[1000.0], [1000.5]], np.float16)  # neighbours in half precision
    assert np.abs(standardize(targets, Moments.of(targets))).max() < 0.5


def test_standardized_targets_have_mean_0_and_deviation_1_in_each_dimension():
    targets = np.array([[1.0, 100.0, 7.0], [3.0, 300.0, 7.0]], np.float16)
    moments = Moments.of(targets)
    found = standardize(targets, moments)
    np.testing.assert_allclose(found, [[-1, -1, 0], [1, 1, 0]], atol=1e-6)
    (loss,) = (loss for loss in LOSSES if loss.standardized)
    batch = {"states": targets[None], "mask": np.ones((1, 2), np.float32)}
    answer = {"representation": np.zeros((1, 2, 3), np.float32)}
    value, number = loss.of_batch(False, moments)(answer, batch)
    assert (float(value), float(number)) == (pytest.approx(2 / 3), 2)  # of 3 dimensions, 2 vary


def test_label_loss_ignores_what_the_mask_leaves_out():
    logits = np.array([[[math.log(3), 0.0], [0.0, 0.0], [0.0, 0.0]]], np.float32)
    labels = np.array([[0, 1, -1]], np.int16)
    expected = (-math.log(0.75) - math.log(0.5)) / 2
    assert float(label_loss(logits, labels, MASK)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "loss",
    [logit_loss, representation_loss, squared_representation_loss, cosine_representation_loss],
)
def test_padding_may_hold_anything_and_half_precision_is_widened(loss):
    rng = np.random.default_rng(0)
    student, teacher = rng.normal(size=(2, 1, 3, 4)).astype(np.float32)
    clean = float(loss(student, teacher.astype(np.float16), MASK))
    teacher[:, 2] = np.nan
    assert float(loss(student, teacher.astype(np.float16), MASK)) == clean
    large = np.full((1, 3, 4), 300, np.float16)  # its square overflows half precision
    assert math.isfinite(float(loss(np.zeros_like(large), large, MASK)))


@pytest.mark.parametrize("loss", [logit_loss, representation_loss])
def test_losses_of_single_texts_have_no_axis_of_pieces(loss):
    rng = np.random.default_rng(0)
    student, teacher = rng.normal(size=(2, 5, 4)).astype(np.float32)
    mask = np.ones(5, np.float32)
    per_text = [float(loss(student[i : i + 1], teacher[i : i + 1], mask[:1])) for i in range(5)]
    assert float(loss(student, teacher, mask)) == pytest.approx(np.mean(per_text), rel=1e-5)


def test_an_empty_mask_gives_zero():
    assert float(logit_loss(np.ones((1, 2, 3)), np.zeros((1, 2, 3)), np.zeros((1, 2)))) == 0
