"""The estimate of what a run costs."""

import os

import pytest
import tiny_bert
from small_run import german_and_hindi, small

from xtremedistil.config import Config, RunConfig
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.sample import vocabulary_dir
from xtremedistil.experiments import plan as plans
from xtremedistil.experiments.axes import axes_of
from xtremedistil.experiments.distil import distil
from xtremedistil.experiments.main import execute
from xtremedistil.experiments.plan import Cost, describe_costs
from xtremedistil.experiments.sweep import Sweep, run_sweep
from xtremedistil.runtime.errors import ConfigError
from xtremedistil.teachers.teacher import count_parameters, open_checkpoint


def test_a_plan_writes_nothing(tmp_path, monkeypatch):
    data = german_and_hindi(tmp_path / "data")
    told = []
    monkeypatch.setattr(plans, "_rate", lambda rows, width: 1e9)
    monkeypatch.setattr("absl.logging.info", lambda text, *values: told.append(text % values))
    out = tmp_path / "out"
    assert execute(small(data, out, plan=True)) is None
    assert not os.path.exists(out)
    (block,) = [text for text in told if "plan  " in text]
    assert "labeled   600 to train, 60 to validate" in block
    parts = [line.split()[0] for line in block.split("\n") if line.endswith(" GB")]
    assert parts == ["data", "teacher", "targets", "student", "scores", "all"]
    told.clear()
    execute(small(data, out, plan=True, stage="teacher"))
    parts = [line.split()[0] for line in told[-1].split("\n") if line.endswith(" GB")]
    assert parts == ["data", "teacher", "all"]


def test_a_run_of_little_work_still_builds_its_graphs(tmp_path, monkeypatch):
    monkeypatch.setattr(plans, "_rate", lambda rows, width: 1e30)
    config = small(german_and_hindi(tmp_path / "data"), tmp_path / "out")
    _, costs = plans.plan(config, 3)
    seconds = {cost.part: cost.seconds for cost in costs}
    assert seconds["data"] > plans._START
    assert seconds["teacher"] == pytest.approx(plans._GRAPHS)
    assert seconds["targets"] == pytest.approx(plans._GRAPHS)
    assert seconds["student"] == pytest.approx(9 * plans._GRAPHS)


def test_a_teacher_that_stores_nothing_answers_in_every_epoch(tmp_path, monkeypatch):
    monkeypatch.setattr(plans, "_rate", lambda rows, width: 1e6)
    monkeypatch.setattr(plans, "_GRAPHS", 0.0)
    data, found = german_and_hindi(tmp_path / "data"), {}
    for targets, stage in (("stored", 3), ("live", 3), ("live", 0)):
        config = small(data, tmp_path / "out", targets=targets)
        costs = {cost.part: cost.seconds for cost in plans.plan(config, stage)[1]}
        found[targets, stage] = costs.get("targets")
    epochs = 1 + (1 + 1 + 2 + 4)  # of stages 1 and 2
    assert found["live", 3] == pytest.approx(epochs * found["stored", 3])
    assert found["live", 0] is None


def test_larger_test_sets_take_longer_to_score(tmp_path, monkeypatch):
    monkeypatch.setattr(plans, "_rate", lambda rows, width: 1e6)
    data, seconds = german_and_hindi(tmp_path / "data"), []
    for tested in (10, 20, 30):
        config = small(data, tmp_path / "out", test_per_language=tested)
        seconds.append(plans.plan(config, 3)[1][-1].seconds)
    assert seconds[0] > plans.SCORING_SECONDS + 1
    assert seconds[2] - seconds[1] == pytest.approx(seconds[1] - seconds[0])
    assert seconds[1] - plans.SCORING_SECONDS == pytest.approx(
        2 * (seconds[0] - plans.SCORING_SECONDS)
    )


def test_costs_add_up():
    costs = [Cost("a", 60.0, 1e9, 2e9), Cost("b", 100.0, 3e9, 1e9)]
    lines = describe_costs(costs, 5e8, int(2e9)).split("\n")
    assert lines[1].split() == ["a", "60", "s", "1.50", "GB", "2.00", "GB"]
    assert lines[3].split() == ["all", "2.7", "min", "3.50", "GB", "3.00", "GB"]
    assert "2.00 GB are free on the disk: too little" in lines[5]


def test_parameters_are_counted_without_reading_them(tmp_path):
    folder = tiny_bert.write(str(tmp_path / "bert"), labels=("O", "B-X", "I-X"))
    config = small("", tmp_path, teacher=folder).teacher
    checkpoint = open_checkpoint(config, "ner", vocabulary_dir())
    table, others = count_parameters(checkpoint, checkpoint.labels)
    assert table == 20 * 12
    attention, inner = 4 * (12 * 12 + 12), 12 * 20 + 20 + 20 * 12 + 12
    assert others == (16 + 2) * 12 + 24 + 3 * (attention + inner + 48) + (12 + 1) * 3
    scratch = open_checkpoint(small("", tmp_path).teacher, "ner", vocabulary_dir())
    table, others = count_parameters(scratch, LabelSet(("O", "B-X"), "ner"))
    assert (table, others > 0) == (8000 * 32, True)


def test_where_there_is_no_plan(tmp_path):
    with pytest.raises(ConfigError, match=r"run_distil\.py has --plan"):
        distil("t", "x.txt", str(tmp_path), plan=True)
    base = Config(run=RunConfig(output_dir=str(tmp_path / "s"), plan=True))
    with pytest.raises(ConfigError, match="--plan_only"):
        run_sweep(base, Sweep("s", axes_of(["seed=1"]), (1,)))
