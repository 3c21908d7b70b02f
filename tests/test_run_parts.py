"""What each part of a run is made from: every option in turn is changed."""

import os
import shutil

import pytest
import tiny_bert
from small_run import german_and_hindi, small

from xtremedistil.config import options
from xtremedistil.experiments.run import Run

TAGS = ("O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER")
SCORES = {"teacher scores", "student scores"}
LABELS_STEP = {"labels", "student scores"}
LOGITS_STEP = {"logits", *LABELS_STEP}
STEPS = {"representation", *LOGITS_STEP}
VOCABULARY = {"vocabulary", "rows", "added rows", *STEPS}
TRANSFER = {"transfer", "targets", *VOCABULARY}
TEACHER = {"teacher", "rows", "added rows", "targets", "teacher scores", *STEPS}
EVERYTHING = {"labeled", *TRANSFER, *TEACHER}
JOINT = {"strategy": "D3.1"}
NOTHING: set[str] = set()
BASE = {
    "data_dir": "DATA",
    "output_dir": "out",
    "strategy": "D4.1",
    "max_seq_length": 16,
    "embedding_dim": 8,
}
NO_LABELS = {"data_dir": "", "transfer_file": ("TEXT",), "teacher": "READY"}
GLOVE = {"embeddings": "glove", "vector_file": "VECTORS"}

# By option: another value, the parts that are then others, and what else the run is asked.
CASES = {
    "data_dir": ("OTHER_DATA", EVERYTHING, {}),
    "transfer_file": (("TEXT",), TRANSFER, {}),
    "transfer_text": ("raw", TRANSFER, {}),
    "long_texts": ("windows", TRANSFER, {}),
    "agreement_test": (5, {"agreement", *EVERYTHING} - {"labels"}, NO_LABELS),
    "task": ("classification", EVERYTHING, {}),
    "data_format": ("conll", EVERYTHING, {}),
    "token_column": ("1", EVERYTHING, {}),
    "tag_column": ("2", EVERYTHING, {}),
    "tag_scheme": ("iob2", EVERYTHING, {}),
    "tag_names": (("O", "B-LOC"), EVERYTHING, {}),
    "text_field": ("text", TRANSFER, {}),
    "repair_iob2": (True, EVERYTHING, {}),
    "max_seq_length": (12, TEACHER | TRANSFER, {"long_texts": "windows"}),
    "truncate_scoring": (True, SCORES, {}),
    "max_words": (4000, EVERYTHING, {}),
    "labeled_per_language": (100, EVERYTHING, {}),
    "dev_per_language": (20, EVERYTHING, {}),
    "transfer_per_language": (310, TRANSFER, {}),
    "transfer_variants": (2, TRANSFER, {"teacher": "READY"}),
    "test_per_language": (30, EVERYTHING, {}),
    "vocabulary_transfer": (400, VOCABULARY, {}),
    "data_seed": (1, EVERYTHING, {}),
    "data_workers": (2, NOTHING, {}),
    "teacher": ("READY", EVERYTHING, {}),
    "finetune": ("always", EVERYTHING, {"teacher": "READY"}),
    "strip_accents": ("yes", EVERYTHING, {}),
    "label_map": ("MAP", EVERYTHING, {"teacher": "READY"}),
    "teacher_epochs": (1, TEACHER, {}),
    "teacher_batch_size": (16, TEACHER, {}),
    "teacher_learning_rate": (1e-3, TEACHER, {}),
    "teacher_warmup": (0.2, TEACHER, {}),
    "teacher_weight_decay": (0.1, TEACHER, {}),
    "teacher_per_language": (True, {"teacher", "teacher scores"}, {"stage": "teacher"}),
    "teacher_seed": (1, TEACHER, {}),
    "teacher_blocks": (3, TEACHER, {}),
    "teacher_width": (64, TEACHER, {}),
    "teacher_heads": (4, TEACHER, {}),
    "teacher_intermediate": (128, TEACHER, {}),
    "teacher_vocabulary": ("READY", EVERYTHING, {}),
    "student": ("transformer", STEPS, {}),
    "embedding_dim": (6, STEPS | {"vectors"}, GLOVE),
    "hidden_size": (16, STEPS, {}),
    "depth": (1, STEPS, {}),
    "dropout": (0.1, STEPS, {}),
    "embeddings": ("random", STEPS, {}),
    "embedding_map": (0.0, STEPS, {}),
    "vector_file": (
        "OTHER",
        STEPS | {"vectors"},
        {"embeddings": "glove", "vector_file": "VECTORS"},
    ),
    "vocabulary_min_count": (2, STEPS | {"vectors", "rows", "added rows"}, GLOVE),
    "other_pieces": ("unknown", STEPS, {}),
    "other_rows": (5, {"added rows"}, {}),
    "projection": ("linear", STEPS, {}),
    "heads_on": ("states", STEPS, {}),
    "strategy": ("D4.2", LOGITS_STEP, {}),
    "teacher_layer": (2, STEPS, {}),
    "unfreeze": (("3",), LABELS_STEP, {}),
    "representation_loss": ("mse", STEPS, {}),
    "alpha": (0.1, {"labels+logits", "student scores"}, JOINT),
    "beta": (0.1, {"labels+logits+representation", "student scores"}, {"strategy": "D2"}),
    "gamma": (0.1, {"labels+logits", "student scores"}, JOINT),
    "batch_size": (32, STEPS, {}),
    "label_batch_size": (8, LABELS_STEP, {}),
    "patience": (2, STEPS, {}),
    "learning_rate": (1e-2, STEPS, {}),
    "embedding_rate": (1.0, STEPS, {}),
    "final_learning_rate": (1e-7, STEPS, {}),
    "label_learning_rate": (1e-4, LABELS_STEP, {}),
    "representation_epochs": ((2,), STEPS, {}),
    "logit_epochs": ((3,), LOGITS_STEP, {}),
    "label_epochs": ((3,), LABELS_STEP, {}),
    "select_by": ("label-metric", LABELS_STEP, {}),
    "transfer_validation": (20, TRANSFER, {}),
    "output_dir": ("elsewhere", NOTHING, {}),
    "stage": ("2", NOTHING, {}),
    "plan": (True, NOTHING, {}),
    "seed": (2, STEPS, {}),
    "export": (False, NOTHING, {}),
    "overwrite": (True, NOTHING, {}),
    "jit_compile": (True, TEACHER, {}),
    "mixed_precision": ("float16", TEACHER, {}),
    "shared_dir": ("shared", NOTHING, {}),
    "save_every": (1.0, NOTHING, {}),
    "deterministic": (True, TEACHER, {}),
    "targets": ("live", STEPS, {}),
    "target_precision": ("int8", {"targets", *STEPS}, {}),
    "ignore_disk": (True, NOTHING, {}),
    "distribution": ("mirrored", NOTHING, {}),
}


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Folders and files by the names that they have above."""
    top = tmp_path_factory.mktemp("inputs")
    for name in ("data", "other"):
        os.makedirs(top / name)
        german_and_hindi(top / name)
    shutil.rmtree(top / "other" / "hi")
    for name, text in (
        ("text", "ein Satz\n"),
        ("a.vec", "der 1 2\n"),
        ("b.vec", "der 1 3\n"),
        ("map", "LOC=GPE\n"),
    ):
        (top / name).write_text(text, encoding="utf-8")
    return {
        "DATA": str(top / "data"),
        "OTHER_DATA": str(top / "other"),
        "TEXT": str(top / "text"),
        "VECTORS": str(top / "a.vec"),
        "OTHER": str(top / "b.vec"),
        "MAP": str(top / "map"),
        "READY": tiny_bert.write(str(top / "ready"), labels=TAGS, lowercase=False),
    }


def fingerprints(places, **flags):
    """Of every part of a run, by name; of the steps with the same losses, of the last."""

    def placed(value):
        if isinstance(value, tuple):
            return tuple(map(placed, value))
        return places.get(value, value) if isinstance(value, str) else value

    given = {**BASE, **flags}
    given = {name: placed(value) for name, value in given.items()}
    data, out = given.pop("data_dir"), given.pop("output_dir")
    run = Run(small(data, out, **given))
    parts, teachers = run.parts, [run.parts.teacher]
    if run.config.teacher.teacher_per_language:
        teachers = [parts.teacher_of(language) for language in ("de", "hi")]
    found = {
        name: getattr(parts, name) for name in ("labeled", "transfer", "vocabulary", "targets")
    }
    if not run.labeled:
        found["agreement"] = parts.agreement
    found["rows"], found["added rows"] = parts.rows(), parts.added_rows()
    found["teacher scores"] = parts.scores("teacher", teachers)
    steps = run.student.step_parts()
    for step, part in zip(run.student.plan_steps(), steps, strict=True):
        found["+".join(step.losses)] = part
    found["student scores"] = parts.scores("student", steps[-1:])
    if run.config.student.vector_file:
        found["vectors"] = parts.vectors()
    made = {name: part.fingerprint for name, part in found.items()}
    return made | {"teacher": [part.fingerprint for part in teachers]}


@pytest.fixture(scope="module")
def unchanged(places):
    return fingerprints(places)


def changed(before, after):
    return {name for name in {**before, **after} if before.get(name) != after.get(name)}


@pytest.mark.parametrize("name", options())
def test_an_option_changes_the_parts_that_it_decides_and_what_lies_behind(places, unchanged, name):
    value, expected, common = CASES[name]
    before = fingerprints(places, **common) if common else unchanged
    after = fingerprints(places, **{**common, name: value})
    assert changed(before, after) == expected
    assert bool(options()[name][1].metadata["decides"]) == bool(expected)


@pytest.mark.parametrize("flag", [{"mixed_precision": "float16"}, {"deterministic": True}])
def test_arithmetic_decides_what_a_ready_teacher_says(places, flag):
    before = fingerprints(places, teacher="READY")
    after = fingerprints(places, teacher="READY", **flag)
    assert changed(before, after) == {"targets", *STEPS, *SCORES}


def test_options_of_fine_tuning_do_not_touch_a_ready_teacher(places):
    before = fingerprints(places, teacher="READY")
    assert fingerprints(places, teacher="READY", teacher_epochs=1, jit_compile=False) == before


def test_live_targets_touch_only_what_learns_from_the_teacher(places):
    before = fingerprints(places, strategy="D0-S")
    assert fingerprints(places, strategy="D0-S", targets="live") == before


def test_cut_texts_are_the_same_transfer_set_at_any_length(places, unchanged):
    assert changed(unchanged, fingerprints(places, max_seq_length=12)) == TEACHER


def test_a_part_follows_the_content_of_files_and_not_their_place(places, tmp_path):
    shutil.copytree(places["DATA"], tmp_path / "moved")
    shutil.copytree(places["READY"], tmp_path / "teacher")
    before = fingerprints(places, teacher="READY")
    moved = {"data_dir": str(tmp_path / "moved"), "teacher": str(tmp_path / "teacher")}
    assert fingerprints(places, **moved) == before
