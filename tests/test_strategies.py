"""Strategies as data: their steps, layers, heads and epochs."""

import pytest

from xtremedistil.config import STRATEGIES as NAMES
from xtremedistil.config import DistillationConfig
from xtremedistil.distil.strategies import STRATEGIES, steps_of, transfer_targets
from xtremedistil.runtime.errors import ConfigError

UP = ("head", "projection", "encoder", "embeddings")


def planned(strategy, **options):
    heads_on = options.pop("heads_on", "projection")
    return steps_of(DistillationConfig(strategy=strategy, **options), heads_on)


def test_every_name_of_the_flag_is_a_strategy():
    assert tuple(STRATEGIES) == NAMES


def test_d42_is_table_4():
    steps = planned("D4.2")
    assert [step.name for step in steps] == [
        "01-representation-all",
        "02-logits-head",
        "03-logits-projection",
        "04-logits-encoder",
        "05-logits-embeddings",
        "06-labels-head",
        "07-labels-projection",
        "08-labels-encoder",
        "09-labels-embeddings",
    ]
    assert [step.stage for step in steps] == [1, 2, 2, 2, 2, 3, 3, 3, 3]
    assert steps[0].trained == UP[1:]  # end to end, and there is no head yet
    assert [step.trained for step in steps[1:5]] == [UP[:n] for n in (1, 2, 3, 4)]
    assert [step.head for step in steps] == [None, *["logit_head"] * 4, *["label_head"] * 4]
    assert transfer_targets(steps) == ("logits", "representation")


@pytest.mark.parametrize(
    ("strategy", "losses", "gradual"),
    [
        ("D0-S", [("labels",)], 1),
        ("D1", [("labels", "logits")], 1),
        ("D2", [("labels", "logits", "representation")], 1),
        ("D3.1", [("representation",), ("labels", "logits")], 1),
        ("D3.2", [("representation",), ("labels", "logits")], 4),
        ("D4.1", [("representation",), ("logits",), ("labels",)], 1),
    ],
)
def test_table_3(strategy, losses, gradual):
    steps = planned(strategy)
    by_stage = {step.stage: step.losses for step in steps}
    assert list(by_stage.values()) == losses
    assert sum(step.stage == 2 for step in steps) == (gradual if len(losses) > 1 else 0)
    assert steps[-1].trained == UP
    assert steps[-1].head == "label_head"


def test_joint_steps_train_both_heads():
    (step,) = planned("D1")
    assert set(step.heads) == {"logit_head", "label_head"}


def test_labels_alone_need_no_targets():
    assert transfer_targets(planned("D0-S")) == ()


def test_unfreeze_overrides_the_strategy():
    assert len(planned("D4.2", unfreeze=("none",))) == 3
    assert [s.stage for s in planned("D4.1", unfreeze=("1", "3"))] == [1, 1, 1, 2, 3, 3, 3, 3]
    with pytest.raises(ConfigError, match=r"names a stage that D1 does not have; it has 1"):
        planned("D1", unfreeze=("2",))


def epochs(strategy, stage, **options):
    return [step.epochs for step in planned(strategy, **options) if step.stage == stage]


@pytest.mark.parametrize(
    ("total", "shared_out"),
    [(0, [0, 0, 0, 0]), (1, [0, 0, 0, 1]), (10, [2, 2, 3, 3]), (12, [3, 3, 3, 3])],
)
def test_one_number_of_epochs_costs_the_same_however_a_stage_is_trained(total, shared_out):
    assert epochs("D4.2", 3, label_epochs=(total,)) == shared_out
    assert epochs("D4.1", 3, label_epochs=(total,)) == [total]
    assert epochs("D0-S", 1, label_epochs=(total,)) == [total]


def test_four_numbers_of_epochs_are_those_of_the_steps():
    four = {"representation_epochs": (1, 2, 3, 4), "logit_epochs": (1, 2, 4, 8)}
    assert epochs("D4.2", 1, **four) == epochs("D4.1", 1, **four) == [10]
    assert epochs("D4.2", 2, **four) == [1, 2, 4, 8]
    assert epochs("D4.1", 2, **four) == epochs("D2", 1, **four) == [15]  # as much, end to end
    # stage 1 has no head to train, heads on states no projection: the next layer has their epochs
    assert epochs("D4.2", 1, unfreeze=("1",), **four) == [3, 3, 4]
    assert epochs("D4.2", 2, heads_on="states", **four) == [1, 6, 8]
    with pytest.raises(ConfigError, match=r"--logit_epochs takes one number, or four: for head,"):
        planned("D4.2", logit_epochs=(1, 2))


def test_strategies_cost_the_same_by_default():
    gradual, whole = DistillationConfig(strategy="D4.2"), DistillationConfig(strategy="D4.1")
    for stage in (1, 2, 3):
        costs = [
            sum(step.epochs for step in steps_of(config) if step.stage == stage)
            for config in (gradual, whole)
        ]
        assert costs[0] == costs[1]


def test_heads_on_states_leave_the_projection_alone():
    steps = planned("D4.2", heads_on="states")
    assert [step.newest for step in steps] == ["all", *["head", "encoder", "embeddings"] * 2]
    assert steps[0].trained == UP[1:]


def test_labels_after_distillation_have_a_learning_rate_of_their_own():
    steps = planned("D4.2", learning_rate=1e-3, label_learning_rate=1e-4)
    assert [step.learning_rate for step in steps] == [1e-3] * 5 + [1e-4] * 4
    assert planned("D4.2")[-1].learning_rate == 1e-3
    alone = planned("D0-S", learning_rate=1e-3, label_learning_rate=1e-4)
    assert alone[-1].learning_rate == 1e-3  # it has nothing to keep
    joint = planned("D3.2", learning_rate=1e-3, label_learning_rate=1e-4)
    assert joint[-1].learning_rate == 1e-3
    with pytest.raises(ConfigError, match="final_learning_rate must not be above --label_learn"):
        DistillationConfig(label_learning_rate=1e-9)


def test_a_metric_can_choose_in_the_label_steps_after_distillation_alone():
    chosen = [(s.stage, s.select_by) for s in planned("D4.1", select_by="label-metric")]
    assert chosen == [(1, "loss"), (2, "loss"), (3, "metric")]
    for strategy in ("D0-S", "D1", "D3.1"):
        steps = planned(strategy, select_by="label-metric")
        assert {step.select_by for step in steps} == {"loss"}
    for by in ("loss", "metric"):
        assert {step.select_by for step in planned("D4.2", select_by=by)} == {by}
