"""The loss of one answer for all texts, and what is said of a stage that ends no lower."""

import dataclasses
import math

import numpy as np
import pytest

from xtremedistil.config import DistillationConfig
from xtremedistil.distil import baseline, distiller, losses
from xtremedistil.distil.baseline import constant_loss
from xtremedistil.distil.losses import LOSSES, loss_named
from xtremedistil.distil.strategies import steps_of
from xtremedistil.report.schema import Epoch, Step
from xtremedistil.report.summary import learned

DIVERGENCES = [loss.divergence for loss in LOSSES if loss.divergence is not None]
ROWS = np.array([[0.0, 0.0], [math.log(3), 0.0]], np.float32)  # softmaxed: 1/2 1/2, and 3/4 1/4


def test_the_best_constant_is_the_mean():
    three = math.log(3)
    assert constant_loss(baseline.MEAN_SQUARES, ROWS) == pytest.approx((three / 2) ** 2 / 2)
    assert constant_loss(baseline.HALF_SQUARES, ROWS) == pytest.approx(0.5 * (three / 2) ** 2)
    first = 0.5 * math.log(0.5 / 0.625) + 0.5 * math.log(0.5 / 0.375)
    second = 0.75 * math.log(0.75 / 0.625) + 0.25 * math.log(0.25 / 0.375)
    assert constant_loss(baseline.KL_OF_SOFTMAX, ROWS) == pytest.approx((first + second) / 2)


def test_the_same_answer_everywhere_leaves_nothing():
    same = np.repeat(np.array([[9.0, -3.0, 0.5]], np.float16), 7, axis=0)
    for divergence in DIVERGENCES:
        assert constant_loss(divergence, same) == pytest.approx(0, abs=1e-12)


def test_it_is_the_loss_that_training_would_show(monkeypatch):
    monkeypatch.setattr(baseline, "_ROWS", 16)  # in several pieces
    targets = np.random.default_rng(0).normal(0, 2, (50, 6)).astype(np.float16)
    mean = targets.astype(np.float64).mean(axis=0)
    softmaxed = np.exp(targets.astype(np.float64))
    softmaxed /= softmaxed.sum(axis=1, keepdims=True)
    answers = {losses.representation_loss: np.log(softmaxed.mean(axis=0))}
    assert len(DIVERGENCES) == 4
    for loss in LOSSES:
        if loss.divergence is not None:
            constant = np.broadcast_to(answers.get(loss.function, mean), targets.shape)
            expected = float(loss.function(constant, targets, np.ones(50)))
            assert constant_loss(loss.divergence, targets) == pytest.approx(expected, rel=1e-5)


def test_every_value_of_the_flag_chooses_one_loss():
    (field,) = (
        f for f in dataclasses.fields(DistillationConfig) if f.name == "representation_loss"
    )
    values = [loss.option[1] for loss in LOSSES if loss.option]
    assert field.metadata["choices"] == tuple(values)
    for value in values:
        chosen = loss_named("representation", DistillationConfig(representation_loss=value))
        assert chosen.option == ("representation_loss", value)


@pytest.mark.parametrize(
    ("left", "stage", "hint"),
    [
        (0.5, 1, None),
        (0.95, 1, "another --teacher_layer, or --representation_loss=standardized."),
        (110.0, 2, "More epochs"),
    ],
)
def test_a_stage_that_taught_nothing_is_reported(monkeypatch, left, stage, hint):
    said = []
    monkeypatch.setattr(distiller.logging, "warning", lambda text, *a: said.append(text % a))
    step = [step for step in steps_of(DistillationConfig()) if step.stage == stage][-1]
    history = [{"validation_loss": 9.0}, {"validation_loss": left}]
    result = {"history": history, "best_epoch": 1, "constant_loss": 1.0}
    config = DistillationConfig(representation_loss="kld")
    distiller._warn_of_nothing(step, [loss_named(name, config) for name in step.losses], result)
    assert len(said) == (hint is not None)
    assert hint is None or hint in said[0]
    epochs = [
        Epoch(epoch=number, loss=None, metric=None, validation_loss=entry["validation_loss"])
        for number, entry in enumerate(history)
    ]
    assert learned(_step(epochs, constant_loss=1.0)) == pytest.approx(1 - left)
    assert learned(_step(epochs, constant_loss=None)) is None


def _step(history, constant_loss):
    return Step(
        name="01-logits-all",
        stage=1,
        newest="all",
        language=None,
        seconds=1.0,
        waiting_seconds=None,
        best_epoch=1,
        history=history,
        constant_loss=constant_loss,
    )


def test_a_first_step_of_several_may_know_little_yet(monkeypatch):
    said = []
    monkeypatch.setattr(distiller.logging, "warning", lambda text, *_: said.append(text))
    head = next(step for step in steps_of(DistillationConfig()) if step.newest == "head")
    result = {"history": [{"validation_loss": 2.0}], "best_epoch": 0, "constant_loss": 1.0}
    compared = [loss_named(name, DistillationConfig()) for name in head.losses]
    distiller._warn_of_nothing(head, compared, result)
    distiller._warn_of_nothing(head, compared, {**result, "constant_loss": None})
    assert not said


def test_states_that_are_compared_standardized_are_not_advised(monkeypatch):
    said = []
    monkeypatch.setattr(distiller.logging, "warning", lambda text, *a: said.append(text % a))
    first = steps_of(DistillationConfig())[0]
    result = {"history": [{"validation_loss": 1.0}], "best_epoch": 0, "constant_loss": 1.0}
    compared = [loss_named(name, DistillationConfig()) for name in first.losses]
    distiller._warn_of_nothing(first, compared, result)
    assert said[0].endswith("try another --teacher_layer.")
