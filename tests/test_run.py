"""Whole runs on a small piece of the sample corpus, and every mistake that stops one before its
long work."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import weakref

import numpy as np
import pytest
import tensorflow as tf
import tiny_bert
from small_run import german_and_hindi, small

from xtremedistil.data.encoding import HAS_CLASS
from xtremedistil.experiments.main import execute
from xtremedistil.experiments.run import Run
from xtremedistil.experiments.teacher import RunTeacher
from xtremedistil.runtime.errors import (
    ArtifactError,
    CheckpointError,
    ConfigError,
    DataError,
    XtremeDistilError,
)
from xtremedistil.runtime.locks import run_lock
from xtremedistil.students.bundle import Bundle, bundle_bytes

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return german_and_hindi(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    """A finished D4.2 run: its folder and its results."""
    out = tmp_path_factory.mktemp("run") / "out"
    return out, execute(small(data, out))


def test_results_hold_what_others_rely_on(finished):
    out, results = finished
    assert json.loads((out / "results.json").read_text("utf-8")) == results
    for score in (results["teacher"]["f1"], results["student"]["f1"]):
        assert set(score["per_language"]) == {"de", "hi"}
        assert score["mean"] == pytest.approx(np.mean(list(score["per_language"].values())))
    assert [step["newest"] for step in results["steps"]] == [
        "all",
        *["head", "projection", "encoder", "embeddings"] * 2,
    ]
    assert "f1" not in results["steps"][0]  # which trains no head
    assert results["steps"][-1]["f1"] == results["student"]["f1"]
    assert all(step["seconds"] > 0 for step in results["steps"])
    assert f"{results['student']['f1']['mean']:.2f}" in (out / "student/README.md").read_text()
    by_targets = [step["constant_loss"] is not None for step in results["steps"]]
    assert by_targets == [step["stage"] < 3 for step in results["steps"]]
    start = results["steps"][0]["history"][0]["validation_loss"]
    assert 0 < results["steps"][0]["constant_loss"] < start
    assert results["data"]["sentences_per_language"]["train"] == {"de": 300, "hi": 300}
    assert results["retained"] == pytest.approx(
        100 * results["student"]["f1"]["mean"] / results["teacher"]["f1"]["mean"]
    )
    assert results["teacher"]["f1"]["mean"] > 15  # it learned something, in eight epochs
    assert results["student"]["parameters"] < results["teacher"]["parameters"]
    assert set(results["latency"]["student"]) == {"batch_1", "batch_32"}
    assert results["unseen"]["sentences"] == 80
    assert results["peak_memory_bytes"] > 1e8
    parts = results["parts"].values()
    assert all(part["processor_seconds"] > 0 for part in parts)
    assert results["processor_seconds"] == pytest.approx(
        sum(part["processor_seconds"] for part in parts)
    )
    assert results["versions"]["tensorflow"]
    assert results["config"]["distillation"]["strategy"] == "D4.2"


def test_no_step_is_worse_than_its_start_by_its_own_measure(finished):
    for step in finished[1]["steps"]:
        losses = [entry["validation_loss"] for entry in step["history"]]
        assert losses[step["best_epoch"]] == min(losses)


def test_stage_3_starts_where_stage_2_ended(data, finished):
    out, _ = finished
    run = Run(small(data, out))
    logits, labels = run.student.load_step(4), run.student.load_step(5)
    for name in ("embeddings", "encoder", "projection"):
        for a, b in zip(
            logits.get_layer(name).get_weights(), labels.get_layer(name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(a, b)


def test_the_bundle_predicts_what_the_run_scored(data, finished):
    out, _ = finished
    run = Run(small(data, out))
    bundle = Bundle.load(str(out / "student"))
    assert bundle.model.count_params() == bundle.shape.deployed_parameters
    ids = np.array([[3, 5, 7, 9]], np.int32)
    np.testing.assert_array_equal(
        np.asarray(bundle.model(ids)), np.asarray(run.student.load_step(-1)(ids)["label_head"])
    )


SERVE = """
import sys
import numpy as np, tensorflow as tf, tensorflow_text
served = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
texts = open(sys.argv[2], encoding="utf-8").read().split("\\n")
answer = {k: v.numpy() for k, v in served(texts=tf.constant(texts)).items()}
foreign = {"transformers", "xtremedistil", "tokenizers"}
assert not foreign & {name.split(".")[0] for name in sys.modules}
np.savez(sys.argv[3], **answer)
"""


def test_the_saved_model_needs_tensorflow_and_tensorflow_text_alone(data, finished, tmp_path):
    out, results = finished
    run = Run(small(data, out))
    test = run.data.split("test", cut=False)
    texts = ["Łukasz aus Köln", "", "  ", "नई दिल्ली में"]
    (tmp_path / "texts").write_text("\n".join(texts), encoding="utf-8")
    program = [
        sys.executable,
        "-c",
        SERVE,
        results["saved_model"],
        tmp_path / "texts",
        tmp_path / "answer.npz",
    ]
    subprocess.run(program, check=True, capture_output=True, cwd=tmp_path)
    answer = np.load(tmp_path / "answer.npz", allow_pickle=True)
    assert answer["counts"].tolist() == [3, 0, 0, 3]
    bundle = Bundle.load(str(out / "student"))
    for row, text in enumerate(texts):
        (pieces,) = bundle.tokenizer.encode([text.split()])
        logits = np.asarray(bundle.model(bundle.rows[pieces.ids][None]))[0, pieces.first]
        expected = (
            [
                bundle.labels.names[i]
                for i in bundle.labels.decode(logits, np.array([0, len(logits)]))
            ]
            if len(pieces.first)
            else []
        )
        assert [tag.decode() for tag in answer["tags"][row][: len(expected)]] == expected
        raw = text.encode("utf-8")
        slices = zip(answer["byte_starts"][row], answer["byte_ends"][row], strict=True)
        assert [raw[a:b].decode("utf-8") for a, b in slices if a >= 0] == text.split()
    assert len(test) == 80


def test_a_finished_run_is_not_computed_again(data, finished, caplog):
    out, results = finished
    before = {path: path.stat().st_mtime_ns for path in out.glob("steps/*/*")}
    again = execute(small(data, out))
    assert {path: path.stat().st_mtime_ns for path in out.glob("steps/*/*")} == before
    varying = ("latency", "parts")
    assert {k: v for k, v in again.items() if k not in varying} == {
        k: v for k, v in results.items() if k not in varying
    }


def test_stages_one_by_one_give_the_weights_of_one_run(data, finished, tmp_path):
    for part in ("teacher", "data"):
        shutil.copytree(finished[0] / part, tmp_path / "out" / part)
    for stage in ("1", "2", "3"):
        execute(small(data, tmp_path / "out", stage=stage))
    assert not (tmp_path / "out" / "results.json").exists()
    steps = sorted(os.listdir(tmp_path / "out" / "steps"))
    assert len(steps) == 9
    for step in steps:
        made = (tmp_path / "out" / "steps" / step / "weights.safetensors").read_bytes()
        assert made == (finished[0] / "steps" / step / "weights.safetensors").read_bytes()


def test_another_configuration_is_told_from_this_one(data, finished):
    out, _ = finished
    with pytest.raises(
        ArtifactError,
        match=r"steps/01-representation-all was made by another run \(dropout: 0.2 there, 0.3",
    ):
        execute(small(data, out, dropout=0.3))
    with pytest.raises(
        ArtifactError, match=r"teacher was made by another run \(teacher_epochs: 8 there, 4 now\)"
    ):
        execute(small(data, out, teacher_epochs=4))


def test_what_only_later_steps_depend_on_leaves_earlier_ones(data, finished, tmp_path):
    shutil.copytree(finished[0], tmp_path / "out")
    execute(small(data, tmp_path / "out", label_epochs=(0,), overwrite=True, stage="3"))
    for name in ("01-representation-all", "05-logits-embeddings"):
        path = f"steps/{name}/weights.safetensors"
        assert (tmp_path / "out" / path).stat().st_mtime_ns == (
            finished[0] / path
        ).stat().st_mtime_ns


def test_a_second_run_in_the_same_folder_refuses(data, tmp_path):
    with (
        run_lock(str(tmp_path)),
        pytest.raises(ArtifactError, match=r"in use by another run \(process \d+"),
    ):
        execute(small(data, tmp_path))


@pytest.mark.parametrize(
    ("strategy", "student", "export"), [("D2", "transformer", True), ("D3.2", "bilstm", False)]
)
def test_other_strategies_and_students_run(data, finished, tmp_path, strategy, student, export):
    for part in ("teacher", "data", "targets"):
        shutil.copytree(finished[0] / part, tmp_path / "out" / part)
    changes = {"student": student, "embedding_dim": 24, "logit_epochs": (1,), "export": export}
    config = small(data, tmp_path / "out", strategy=strategy, select_by="metric", **changes)
    results = execute(config)
    assert results["strategy"] == strategy
    assert results["student"]["shape"]["encoder"] == student
    assert not export or len(results["example"]["answer"]) > 3
    assert results["student"]["f1"]["mean"] >= 0
    assert all(
        step["history"][-1]["metric"] is not None for step in results["steps"] if "f1" in step
    )


def test_one_student_per_language_is_scored_together(data, finished, tmp_path):
    for part in ("teacher", "data", "student"):  # the last one of a strategy with one student
        shutil.copytree(finished[0] / part, tmp_path / "out" / part)
    results = execute(small(data, tmp_path / "out", strategy="D0", label_epochs=(3,)))
    assert [step["name"] for step in results["steps"]] == ["01-labels-all-de", "02-labels-all-hi"]
    for step in results["steps"]:
        language = step["language"]
        assert set(step["f1"]["per_language"]) == {language}
        ours = results["student"]["f1"]["per_language"][language]
        assert step["f1"]["per_language"][language] == pytest.approx(ours)
    assert results["student"]["models"] == 2
    assert results["saved_model"] is None
    assert sorted(os.listdir(tmp_path / "out" / "student")) == ["de", "hi"]
    assert results["student"]["bytes"] == bundle_bytes(str(tmp_path / "out" / "student" / "de"))
    bundles = [Bundle.load(str(tmp_path / "out" / "student" / name)) for name in ("de", "hi")]
    tables = [bundle.model.get_layer("embeddings").get_weights()[0] for bundle in bundles]
    assert not np.array_equal(*tables)


def test_a_teacher_from_scratch_begins_with_one_table(data, tmp_path, monkeypatch):
    """Which `--embeddings=svd-pretrained` starts from, in a process that goes on too."""
    monkeypatch.setattr("xtremedistil.experiments.teacher.finetune", lambda *given: {})
    run = Run(small(data, tmp_path / "out"))
    run.teacher.make()
    first = run.teacher.read_table(tuned=False)
    np.testing.assert_array_equal(run.teacher.read_table(tuned=False), first)
    np.testing.assert_array_equal(run.teacher.read_table(tuned=True), first)


def test_one_teacher_per_language(data, tmp_path, monkeypatch):
    loaded, alive, load = [], [], RunTeacher.load_of

    def load_of(teacher, language):
        alive.append(sum(model() is not None for model in loaded))
        model = load(teacher, language)
        loaded.append(weakref.ref(model))
        return model

    monkeypatch.setattr(RunTeacher, "load_of", load_of)
    config = small(
        data, tmp_path / "out", teacher_per_language=True, teacher_epochs=1, stage="teacher"
    )
    execute(config)
    scores = json.loads((tmp_path / "out" / "scores" / "teachers" / "done.json").read_text())
    assert set(scores["results"]["f1"]["per_language"]) == {"de", "hi"}
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["teacher"]["f1"] == scores["results"]["f1"]
    assert "student" not in results
    assert alive == [0, 0]  # 41 would not fit in memory
    for language in ("de", "hi"):
        assert (tmp_path / "out" / f"teacher-{language}" / "model.safetensors").exists()
    with pytest.raises(ConfigError, match=r"--teacher_per_language goes with --stage=teacher"):
        small(data, tmp_path / "out", teacher_per_language=True)


@pytest.mark.parametrize(
    "changes", [{"strategy": "D0"}, {"teacher_per_language": True, "stage": "teacher"}]
)
def test_a_language_with_a_model_of_its_own_needs_all_splits(data, tmp_path, changes):
    shutil.copytree(data, tmp_path / "data")
    (tmp_path / "data" / "hi" / "test.tsv.xz").unlink()
    (tmp_path / "data" / "fr").mkdir()
    shutil.copy(tmp_path / "data" / "de" / "test.tsv.xz", tmp_path / "data" / "fr")
    with pytest.raises(
        DataError,
        match=r"trains a model for each language.*Received: fr has no dev sentence; "
        r"fr has no train sentence; hi has no test sentence$",
    ):
        execute(small(str(tmp_path / "data"), tmp_path / "out", **changes))
    assert not [name for name in os.listdir(tmp_path / "out") if name.startswith(("t", "s"))]


def test_a_ready_teacher_is_not_tuned_by_language(data, tmp_path):
    tags = ("O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER")
    folder = tiny_bert.write(str(tmp_path / "ready"), labels=tags)
    changes = {"max_seq_length": 16, "teacher_per_language": True, "stage": "teacher"}
    with pytest.raises(ConfigError, match=r"already has a head for the task needs --finetune=alw"):
        Run(small(data, tmp_path / "out", teacher=folder, **changes))


def test_runs_share_what_they_have_in_common(data, tmp_path):
    shared = str(tmp_path / "shared")
    common = {"shared_dir": shared, "teacher_epochs": 1, "logit_epochs": (1,)}
    execute(small(data, tmp_path / "a", strategy="D4.1", stage="2", **common))
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "shared").glob("*/*")}
    execute(small(data, tmp_path / "b", strategy="D3.1", stage="2", **common))
    after = {p: p.stat().st_mtime_ns for p in (tmp_path / "shared").glob("*/*")}
    assert before.items() <= after.items()
    made = {p.parent.name.rsplit("-", 1)[0] for p in after.keys() - before.keys()}
    assert made == {"steps-02-labels-logits-all"}


def test_a_smaller_transfer_set_can_keep_the_vocabulary_of_a_larger_one(data, tmp_path):
    wide = Run(small(data, tmp_path / "a", transfer_per_language=400))
    narrow = small(data, tmp_path / "b", transfer_per_language=310)
    own = Run(narrow)
    data_config = dataclasses.replace(narrow.data, vocabulary_transfer=400)
    output = dataclasses.replace(narrow.run, output_dir=str(tmp_path / "c"))
    kept = Run(dataclasses.replace(narrow, data=data_config, run=output))
    np.testing.assert_array_equal(kept.data.read_pieces(), wide.data.read_pieces())
    assert len(own.data.read_pieces()) < len(wide.data.read_pieces())
    assert kept.data.prepare_transfer()["sentences"] == 620 + 60  # which validate


def test_rare_pieces_can_share_the_row_of_others(data, finished, tmp_path):
    for part in ("teacher", "data"):
        shutil.copytree(finished[0] / part, tmp_path / "out" / part)
    every = Run(small(data, tmp_path / "out"))
    often = Run(small(data, tmp_path / "out", vocabulary_min_count=3))
    strict = Run(small(data, tmp_path / "out", vocabulary_min_count=3, other_pieces="unknown"))
    kept = len(often.data.read_pieces())
    assert kept < len(every.data.read_pieces())
    model = often.student.build()
    assert model.get_layer("embeddings").get_weights()[0].shape == (kept, 16)
    rare = np.setdiff1d(every.data.read_pieces(), often.data.read_pieces())
    unknown = often.rows.read()[often.checkpoint.tokenizer.special_ids.unknown]
    assert set(strict.rows.read()[rare]) == {unknown}
    assert unknown not in often.rows.read()[rare]
    assert often.rows.read()[rare].max() < kept
    common = often.data.read_pieces()
    for run in (often, strict):
        np.testing.assert_array_equal(run.rows.read()[common], np.arange(kept))


def test_rows_are_added_to_a_student_that_is_trained_already(data, finished, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(finished[0], out)
    config = small(data, out, other_rows=7)
    trained = {p: p.stat().st_mtime_ns for p in out.glob("steps/*/*")}
    results = execute(config)
    assert {p: p.stat().st_mtime_ns for p in out.glob("steps/*/*")} == trained
    rows = finished[1]["student"]["shape"]["vocabulary_size"]
    assert results["student"]["shape"]["vocabulary_size"] == rows + 7
    assert set(results["parts"]) - set(finished[1]["parts"]) == {"added rows"}
    run = Run(config)
    lacking = np.flatnonzero(run.data.lacks_row())
    served, model = run.rows.read_served(), run.student.load_step(-1)
    assert set(served[lacking]) <= set(range(rows, rows + 7))
    common = run.data.read_pieces()
    np.testing.assert_array_equal(served[common], np.arange(rows))
    assert run.rows.read().max() < rows  # training reads none of them
    bundle, without = Bundle.load(str(out / "student")), Bundle.load(str(finished[0] / "student"))
    np.testing.assert_array_equal(bundle.rows, served)
    ids = np.array([[2, 5, 6, rows + 1, rows + 6, 3]], np.int32)
    np.testing.assert_array_equal(bundle.model(ids), model(ids)["label_head"])
    known = np.array([[2, 5, 6, 3]], np.int32)
    np.testing.assert_array_equal(bundle.model(known), without.model(known))


def test_word_vectors_start_the_embeddings(data, finished, tmp_path):
    for part in ("teacher", "data"):
        shutil.copytree(finished[0] / part, tmp_path / "out" / part)
    (tmp_path / "vectors.txt").write_text("der " + "0.5 " * 16 + "\n", encoding="utf-8")
    config = small(data, tmp_path / "out")
    student = dataclasses.replace(
        config.student, embeddings="glove", vector_file=str(tmp_path / "vectors.txt")
    )
    run = Run(dataclasses.replace(config, student=student))
    table = run.student.build().get_layer("embeddings").get_weights()[0]
    row = run.rows.read()[run.checkpoint.tokenizer.renumbered.index("der")]
    np.testing.assert_array_equal(table[row], np.full(16, 0.5, np.float32))


@pytest.mark.parametrize("embeddings", ["svd-pretrained", "teacher", "ppa-14", "random"])
def test_other_starts_of_the_embeddings(data, finished, tmp_path, embeddings):
    for part in ("teacher", "data"):
        shutil.copytree(finished[0] / part, tmp_path / "out" / part)
    run = Run(small(data, tmp_path / "out", embeddings=embeddings, embedding_dim=32))
    table = run.student.build().get_layer("embeddings").get_weights()[0]
    assert table.shape == (len(run.data.read_pieces()), 32)
    if embeddings == "teacher":
        whole = run.teacher.load().get_layer("word_embeddings").get_weights()[0]
        np.testing.assert_array_equal(table, whole[run.data.read_pieces()])


def test_xla_compiles_the_student_where_there_is_a_gpu(data, finished, tmp_path, monkeypatch):
    # what Keras asks before it takes the cuDNN operation, which XLA has no kernel for
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [kind])
    for part in ("teacher", "data", "steps"):
        shutil.copytree(finished[0] / part, tmp_path / "out" / part)
    run = Run(small(data, tmp_path / "out", embeddings="random", jit_compile=True))
    ids = np.array([[1, 2, 3, 4], [5, 6, 0, 0]], np.int32)
    for student in (run.student.build(), run.student.load_step(0)):
        compiled = tf.function(student, jit_compile=True)
        assert compiled(ids)["representation"].shape == (2, 4, 32)


def test_classification_end_to_end(tmp_path):
    os.makedirs(tmp_path / "data")
    rng = np.random.default_rng(0)
    words = {"good": ["Freude", "schön", "gut"], "bad": ["Trauer", "schlecht", "übel"]}
    for split, number in (("train", 200), ("dev", 40), ("test", 40)):
        lines = []
        for _ in range(number):
            label = rng.choice(list(words))
            filler = rng.choice(["das", "Haus", "am", "See", "war"], 4).tolist()
            filler.insert(int(rng.integers(5)), str(rng.choice(words[label])))
            lines.append(f"{' '.join(filler)}\t{label}\n")
        (tmp_path / "data" / f"{split}.tsv").write_text("".join(lines), encoding="utf-8")
    changes = {"task": "classification", "strategy": "D4.1", "learning_rate": 1e-2}
    changes |= {"logit_epochs": (12,), "label_epochs": (2,)}
    results = execute(small(str(tmp_path / "data"), tmp_path / "out", **changes))
    assert results["teacher"]["accuracy"]["mean"] > 80
    assert results["student"]["accuracy"]["mean"] > 80
    assert results["example"]["answer"] in words


def test_a_ready_teacher_is_used_as_it_is(data, tmp_path):
    tags = ("O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER")
    folder = tiny_bert.write(str(tmp_path / "ready"), labels=tags, lowercase=False)
    config = small(
        data, tmp_path / "out", teacher=folder, max_seq_length=16, embedding_dim=8, stage="2"
    )
    run = Run(config)
    assert run.ready_teacher
    execute(config)
    assert run.data.read_labels().names == tags
    assert not os.path.exists(tmp_path / "out" / "teacher" / "model.safetensors")
    assert os.path.exists(tmp_path / "out" / "targets" / "logits" / "00000.safetensors")
    _, held_out, _ = run.targets.to_learn(("logits",))
    counted = held_out.pieces[HAS_CLASS]
    assert 0 < counted.sum() < len(counted) - 2 * len(held_out)  # words' other pieces too are out


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"teacher": ""}, ConfigError, r"--teacher must name a model folder or a hub name"),
        (
            {"teacher_layer": 3},
            ConfigError,
            r"--teacher_layer must be between 1 and 2.*teacher_layer=3",
        ),
        (
            {"embedding_dim": 33},
            ConfigError,
            r"--embedding_dim must not be above the teacher's width, 32",
        ),
        (
            {"max_seq_length": 600},
            ConfigError,
            r"--max_seq_length must not be above the teacher's 512 positions",
        ),
        ({"finetune": "never"}, CheckpointError, r"--finetune=never needs a teacher with a head"),
        (
            {"data_dir": "/nowhere"},
            DataError,
            r"--data_dir must be a folder. Received: data_dir='/nowhere'",
        ),
        (
            {"logit_epochs": (1, 2)},
            ConfigError,
            r"--logit_epochs takes one number, or four",
        ),
        ({"transfer_file": ("/nowhere.txt",)}, DataError, r"/nowhere.txt: no such file"),
    ],
)
def test_mistakes_stop_a_run_before_anything_is_made(data, tmp_path, changes, kind, message):
    with pytest.raises(kind, match=message):
        execute(small(data, tmp_path / "out", **changes))
    assert os.listdir(tmp_path / "out") == [".lock"]


def test_a_broken_line_stops_a_run_before_the_teacher(data, tmp_path):
    shutil.copytree(data, tmp_path / "data")
    (tmp_path / "data" / "de" / "transfer.txt.xz").unlink()
    (tmp_path / "data" / "de" / "transfer.txt").write_bytes(b"fine\nbr\xfcn\n")
    with pytest.raises(DataError, match=r"transfer.txt:2: not valid UTF-8"):
        execute(small(str(tmp_path / "data"), tmp_path / "out"))
    assert not os.path.exists(tmp_path / "out" / "teacher" / "inputs.json")


def test_a_folder_with_foreign_files_is_left_alone(data, tmp_path):
    os.makedirs(tmp_path / "out" / "teacher")
    (tmp_path / "out" / "teacher" / "thesis.tex").write_text("years of work")
    with pytest.raises(
        ArtifactError, match=r"teacher holds files that no run of this package made"
    ):
        execute(small(data, tmp_path / "out"))


def test_the_programs_report_mistakes_in_one_line(tmp_path):
    for program in ("run_distil.py", "run_teacher.py"):
        command = [
            sys.executable,
            program,
            f"--output_dir={tmp_path}",
            "--data_dir=/nowhere",
        ]
        done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert (
            done.stderr.strip()
            == "Error: --data_dir must be a folder. Received: data_dir='/nowhere'"
        )
    assert issubclass(DataError, XtremeDistilError)
