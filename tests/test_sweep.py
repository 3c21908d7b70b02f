"""Sweeps: what they vary, share and choose, and that they go on where they stood."""

import json
import math
import os
import pathlib

import pytest
from fake_results import write_sweep
from small_run import german_and_hindi, small

from xtremedistil.config import Config
from xtremedistil.experiments import sweep as sweeps
from xtremedistil.experiments.axes import axes_of, with_flags
from xtremedistil.experiments.expected import Expected
from xtremedistil.experiments.latency import time_sweep
from xtremedistil.experiments.sweep import Sweep, plan_runs, run_sweep
from xtremedistil.report.collected import load
from xtremedistil.report.frame import of_task
from xtremedistil.report.sizes import by_size
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError, ConfigError


@pytest.fixture
def quick(monkeypatch):
    """Runs that end at once, and whose development score is the larger, the closer alpha is to 1.
    Gives what was executed."""
    executed = []

    def execute(config):
        executed.append(config)
        os.makedirs(config.run.output_dir, exist_ok=True)
        path = os.path.join(config.run.output_dir, "results.json")
        if config.run.stage == "all":
            files.write_json(path, {"config": config.to_dict()})

    def weigh(config):
        execute(config)
        score = {"mean": -abs(math.log10(config.distillation.alpha)), "std": 0, "per_language": {}}
        path = os.path.join(config.run.output_dir, "results.json")
        files.write_json(path, {"dev": {"f1": score}, "config": config.to_dict()})

    def expected(runs, done):
        return Expected({run.id: 0.0 for run in runs}, {}, "nothing")

    monkeypatch.setattr(sweeps, "execute", execute)
    monkeypatch.setattr(sweeps, "_weigh", weigh)
    monkeypatch.setattr(sweeps, "expected_seconds", expected)
    return executed


def asked(executed):
    """Folder, dropout and alpha of what was executed since the last call."""
    found = [
        (os.path.basename(c.run.output_dir), c.student.dropout, c.distillation.alpha)
        for c in executed
    ]
    executed.clear()
    return found


def test_a_flag_outside_a_runs_name_does_not_keep_old_numbers(quick, tmp_path):
    base = with_flags(Config(), {"output_dir": str(tmp_path)})
    sweep = Sweep("s", axes_of(["strategy=D0-S,D4.2"]), (1,))
    run_sweep(base, sweep)
    assert asked(quick) == [("D0-S_seed1", 0.2, 1.0), ("D4.2_seed1", 0.2, 1.0)]
    run_sweep(with_flags(base, {"save_every": 9.0, "distribution": "mirrored"}), sweep)
    assert asked(quick) == []
    other = with_flags(base, {"dropout": 0.3})
    for plan_only in (True, False):
        with pytest.raises(
            ArtifactError,
            match=r"D0-S_seed1/results.json holds the results of another run "
            r"\(dropout: 0.2 there, 0.3 now\).*--overwrite",
        ):
            run_sweep(other, sweep, plan_only)
    assert asked(quick) == []
    run_sweep(with_flags(other, {"overwrite": True}), sweep)
    assert asked(quick) == [("D0-S_seed1", 0.3, 1.0), ("D4.2_seed1", 0.3, 1.0)]
    run_sweep(with_flags(other, {"overwrite": True}), sweep)
    assert asked(quick) == []


def test_results_of_unknown_origin_are_not_taken(quick, tmp_path):
    base = with_flags(Config(), {"output_dir": str(tmp_path)})
    path = tmp_path / "runs" / "0.2_seed1" / "results.json"
    os.makedirs(path.parent)
    path.write_text("{}")
    with pytest.raises(ArtifactError, match=r"does not say what it was made from: remove it"):
        run_sweep(base, Sweep("s", axes_of(["dropout=0.2"]), (1,)))


def test_weights_are_chosen_from_the_candidates_that_are_asked(quick, tmp_path):
    base = with_flags(Config(), {"output_dir": str(tmp_path)})

    def sweep(*weights):
        return Sweep("s", axes_of(["strategy=D0-S,D1"]), (1,), weights)

    def chosen():
        return json.loads((tmp_path / "sweep.json").read_text())["chosen"]

    run_sweep(base, sweep(0.1, 0.01))
    assert asked(quick)[-1] == ("D1_seed1", 0.2, 0.1)
    assert chosen() == {"D1": {"alpha": 0.1}}
    with pytest.raises(ArtifactError, match=r"D1_seed1.*\(alpha: 0.1 there, 1.0 now\)"):
        run_sweep(base, sweep())
    run_sweep(base, sweep(0.1, 0.01), plan_only=True)
    assert chosen() == {"D1": {"alpha": 0.1}}
    with pytest.raises(ArtifactError, match=r"D1_seed1.*\(alpha: 0.1 there, 1.0 now\)"):
        run_sweep(base, sweep(0.1, 1.0))  # known once the new candidate was tried
    assert asked(quick) == [("D1_seed1_alpha1", 0.2, 1.0)]
    overwrite = with_flags(base, {"overwrite": True})
    run_sweep(overwrite, sweep(0.1, 1.0))
    assert asked(quick) == [("D1_seed1", 0.2, 1.0)]
    run_sweep(overwrite, sweep())
    assert (asked(quick), chosen()) == ([], {})  # the weight that was chosen is the one by default


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return german_and_hindi(tmp_path_factory.mktemp("corpus"))


def test_axes_are_read_from_text():
    single, pair = axes_of(["dropout=0.1,0.2", "embedding_dim+hidden_size=50+100,50+200"])
    assert single.values == ((0.1,), (0.2,))
    assert pair.names == ("embedding_dim", "hidden_size")
    assert pair.values == ((50, 100), (50, 200))
    (lists,) = axes_of(["logit_epochs=1:2:3:4,5"])
    assert lists.values == (((1, 2, 3, 4),), ((5,),))


def test_a_later_axis_of_the_same_flags_replaces_an_earlier_one():
    first, second = axes_of(["dropout=0.1,0.2", "strategy=D1", "dropout=0.3"])
    assert (first.names, first.values) == (("dropout",), ((0.3,),))
    assert second.names == ("strategy",)


def test_a_small_scale_only_replaces_what_a_sweep_varies():
    (axis,) = axes_of(["dropout=0.1,0.2"], instead=["dropout=0.3", "strategy=D1"])
    assert (axis.names, axis.values) == (("dropout",), ((0.3,),))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dropuot=0.1", "names a flag that a run does not have. Received: dropuot"),
        ("dropout", "is flag=value,value"),
        ("embedding_dim+hidden_size=50", "is flag=value,value"),
        ("hidden_size=many", "hidden_size takes values of type .*Received: hidden_size=many"),
    ],
)
def test_a_wrong_axis_is_named(text, message):
    with pytest.raises(ConfigError, match=message):
        axes_of([text])


def test_a_plan_crosses_axes_and_seeds():
    base = with_flags(Config(), {"output_dir": "out"})
    axes = axes_of(["strategy=D0-S,D4.2", "transfer_per_language=100,300"])
    runs = plan_runs(base, Sweep("s", axes, (1, 2)))
    assert len(runs) == 8
    assert runs[0].id == "D0-S_100_seed1"
    assert runs[-1].axes == {"strategy": "D4.2", "transfer_per_language": 300, "seed": 2}
    assert {run.config.data.vocabulary_transfer for run in runs} == {300}
    assert {run.config.run.shared_dir for run in runs} == {"out/shared"}
    assert runs[-1].config.run.output_dir == "out/runs/D4.2_300_seed2"


def test_a_plan_refuses_what_no_run_could_do():
    with pytest.raises(ConfigError, match=r"--strategy must be one of D0, .*'D5'"):
        plan_runs(Config(), Sweep("s", axes_of(["strategy=D5"]), (1,)))
    with pytest.raises(ConfigError, match="gives a run twice"):
        plan_runs(Config(), Sweep("s", axes_of(["dropout=0.1,0.1"]), (1,)))


def test_a_sweep_shares_chooses_and_goes_on(data, tmp_path, monkeypatch, capsys):
    base = small(data, tmp_path, logit_epochs=(1,), teacher_epochs=2)
    sweep = Sweep("pair", axes_of(["strategy=D0-S,D1"]), (1,), weights=(0.1, 1.0))
    began, real = [], sweeps.execute

    def failing(config):
        began.append(config)
        if config.run.stage == "all" and config.distillation.strategy == "D1":
            raise KeyboardInterrupt  # as a user would stop it
        return real(config)

    monkeypatch.setattr(sweeps, "execute", failing)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(base, sweep)
    assert [(c.distillation.alpha, c.run.stage) for c in began[:2]] == [(0.1, "3"), (1.0, "3")]
    monkeypatch.setattr(sweeps, "execute", real)
    done = (tmp_path / "runs" / "D0-S_seed1" / "results.json").stat().st_mtime_ns
    path = run_sweep(base, sweep)
    assert (tmp_path / "runs" / "D0-S_seed1" / "results.json").stat().st_mtime_ns == done
    listed = files.read_json(path)
    assert [run["id"] for run in listed["runs"]] == ["D0-S_seed1", "D1_seed1"]
    tried = {
        alpha: json.loads((tmp_path / f"weights/D1_seed1_alpha{alpha:g}/results.json").read_text())
        for alpha in (0.1, 1.0)
    }
    best = max(tried, key=lambda alpha: tried[alpha]["dev"]["f1"]["mean"])
    assert listed["chosen"] == {"D1": {"alpha": best}}
    final = json.loads((tmp_path / "runs" / "D1_seed1" / "results.json").read_text())
    assert final["config"]["distillation"]["alpha"] == best
    assert final["student"]["dev"] == tried[best]["dev"]  # the chosen run's steps are used again
    assert final["saved_model"] is None
    kinds = [folder.name.rsplit("-", 1)[0] for folder in (tmp_path / "shared").iterdir()]
    assert kinds.count("teacher") == kinds.count("targets") == kinds.count("scores-teacher") == 1


def test_a_sweep_may_hold_one_teacher_per_language(data, tmp_path):
    base = small(data, tmp_path, teacher_epochs=1)
    axes = axes_of(["stage+teacher_per_language=teacher+true"])
    run_sweep(base, Sweep("single", axes, (1,)))
    collected = load(str(tmp_path))
    assert list(of_task(collected.runs, "ner", teacher_per_language=True)["done"]) == [True]
    assert set(collected.done[0].values.teacher.score.per_language) == {"de", "hi"}
    assert list((tmp_path / "shared").glob("targets-*")) == []


def test_latency_is_measured_of_planned_sizes_too(data, tmp_path):
    base = small(data, tmp_path, strategy="D0-S", label_epochs=(1,), teacher_epochs=1)
    run_sweep(base, Sweep("sizes", axes_of(["embedding_dim=8"]), (1,)))
    run_sweep(base, Sweep("sizes", axes_of(["embedding_dim=8,12"]), (1,)), plan_only=True)
    time_sweep(str(tmp_path), rounds=1)
    collected = load(str(tmp_path))
    done, planned = collected.results
    assert (done.done, planned.done) == (True, False)
    assert done.timed.parameters == done.values.student.parameters < planned.timed.parameters
    assert done.timed.compression == pytest.approx(done.values.compression)
    times = [
        timing["batch_32"].median
        for run in (done, planned)
        for timing in (run.timed.latency.teacher, run.timed.latency.student)
    ]
    assert times[0] == times[2]
    assert min(times) > 0
    assert times[0] != done.values.latency.teacher["batch_32"].median
    sizes = by_size(collected.runs)
    assert list(sizes["size"]) == [(8, 12), (12, 12)]
    assert list(sizes["score"].isna()) == [False, True]
    assert list(sizes["student_batch_32"]) == [times[1], times[3]]


def test_latency_needs_a_finished_run(tmp_path):
    folder = write_sweep(tmp_path, [({"seed": 1}, None)])
    with pytest.raises(
        ArtifactError, match=r"of which a student is done. Received: 0 of 1 runs done"
    ):
        time_sweep(folder, rounds=1)


def test_every_table_has_a_flagfile_whose_plan_can_be_made():
    folder = pathlib.Path(__file__).parent.parent / "flags"
    flag_files = sorted(folder.glob("table*.flags"))
    assert len(flag_files) >= 10
    small = _lines(folder / "small.flags")
    for file in flag_files:
        lines = _lines(file)
        vary, instead = (
            [value for name, value in lines + small if name == wanted]
            for wanted in ("vary", "instead")
        )
        for axes in (axes_of(vary), axes_of(vary, instead)):
            runs = plan_runs(Config(), Sweep(file.stem, axes, (1,)))
            assert len(runs) == math.prod(len(axis.values) for axis in axes)
        assert ("sweep", file.stem) in lines


def _lines(file):
    """A flag file's flags, as pairs of name and value, those of files that it names included."""
    pairs = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("--"):
            name, _, value = line.removeprefix("--").partition("=")
            included = name == "flagfile"
            pairs += _lines(file.parent.parent / value) if included else [(name, value)]
    return pairs
