"""Runs without training labels: what is held out and learned, and how agreement is measured."""

import dataclasses
import json
import os
import random
import types

import numpy as np
import pytest
import tiny_bert
from small_run import small

import xtremedistil
from xtremedistil.config import DataConfig
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.long_texts import cut_between_words
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.shards import shard_name
from xtremedistil.data.sources import Reader, find_sources
from xtremedistil.data.transfer import VALIDATION, prepare_transfer
from xtremedistil.data.unlabeled import prepare_unlabeled
from xtremedistil.distil.strategies import find_strategy
from xtremedistil.experiments.agreement import answered
from xtremedistil.experiments.agreement_scores import agreement
from xtremedistil.experiments.main import execute
from xtremedistil.experiments.run import Run
from xtremedistil.experiments.scores import Scored
from xtremedistil.report.collected import load
from xtremedistil.report.page import build_page
from xtremedistil.report.schema import RunResults
from xtremedistil.report.summary import summary
from xtremedistil.runtime.errors import CheckpointError, ConfigError, DataError
from xtremedistil.runtime.typed_json import read
from xtremedistil.scoring.predictions import Prediction, score
from xtremedistil.tokenization.base import Pieces
from xtremedistil.tokenization.raw_words import find_words
from xtremedistil.tokenization.registry import open_tokenizer

TAGS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
WORDS = ("the", "berlin", "visited", "visits", "anna", "anne", "uni", "a", "b", "bcd")
LENGTH = 12
SMALL = {
    "max_seq_length": LENGTH,
    "teacher_layer": 1,
    "embedding_dim": 8,
    "hidden_size": 4,
    "batch_size": 64,
    "strategy": "D4.1",
    "representation_epochs": (1,),
    "logit_epochs": (1,),
    "export": False,
}


def made_up(number, seed=0):
    """Different short sentences."""
    rng, texts = random.Random(seed), {}
    while len(texts) < number:
        texts[" ".join(rng.choices(WORDS, k=rng.randint(2, 7))) + "."] = None
    return list(texts)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("teacher"))
    # positions: fewer than the pieces that latency is measured with
    return tiny_bert.write(folder, labels=TAGS, blocks=2, positions=24)


# What is held out


@pytest.fixture
def prepared(tmp_path, teacher):
    """Held-out texts and the transfer set of texts by language, from the row numbers on."""

    def prepare(texts, held_out=2000, **options):
        for language, own in texts.items():
            os.makedirs(tmp_path / "data" / language, exist_ok=True)
            content = "".join(f"{text}\n" for text in own)
            (tmp_path / "data" / language / "transfer.txt").write_text(content)
        config = DataConfig(data_dir=str(tmp_path / "data"), **options)
        sources, labels = find_sources(config), LabelSet(TAGS)
        tokenizer = open_tokenizer(teacher)
        folders = [str(tmp_path / name) for name in ("labeled", "transfer")]
        for folder in folders:
            os.makedirs(folder, exist_ok=True)
        arguments = (config, sources, tokenizer)
        found, _ = prepare_unlabeled(*arguments, labels, held_out, folders[0])
        transfer, _ = prepare_transfer(*arguments, folders[0], held_out, folders[1], labels)
        held = {
            name: Ragged.load(os.path.join(folders[0], f"{name}.safetensors"))
            for name in ("dev", "agreement")
        }
        shards = {
            name: Ragged.load(os.path.join(folders[1], name))
            for name in (VALIDATION, *map(shard_name, range(transfer["shards"])))
        }
        return found, transfer, held, shards

    return prepare


def hashes(rows):
    return set(rows.sentences["hash"].tolist())


def test_no_held_out_text_and_no_copy_of_one_is_trained_on(prepared):
    texts = made_up(100)
    found, transfer, held, shards = prepared({"": [*texts, *texts[:50]]})
    assert found["sentences_per_language"] == {"dev": {"": 10}, "agreement": {"": 10}}
    assert hashes(shards[VALIDATION]) == hashes(held["dev"])
    trained = hashes(shards["00000.safetensors"])
    assert not trained & (hashes(held["dev"]) | hashes(held["agreement"]))
    assert not hashes(held["dev"]) & hashes(held["agreement"])
    assert len(trained) == 80
    assert transfer["held_out"] == 10


def test_each_language_is_compared_on_as_many_texts(prepared):
    texts = {"de": made_up(60, 1), "hi": made_up(200, 2), "pt": made_up(5, 3)}
    found, *_ = prepared(texts, agreement_test=30)
    # at most a third of 30 each, at most a tenth of a language's own, and one at the least
    assert found["sentences_per_language"]["agreement"] == {"de": 6, "hi": 10, "pt": 1}
    assert found["languages"] == ["de", "hi", "pt"]


def test_three_texts_are_enough_and_two_are_not(prepared):
    *_, shards = prepared({"": ["anna", "berlin", "the uni"]})
    assert [len(rows) for rows in shards.values()] == [1, 1]
    with pytest.raises(DataError, match=r"at least 3 different texts.*Received: 2"):
        prepared({"": ["anna", "berlin", "anna"]})


def test_text_of_a_run_without_labels_has_the_words_that_are_served(tmp_path):
    text = "Anna (of Berlin), visits: the U.S.  'uni'."
    (tmp_path / "raw.txt").write_text(text + "\n")
    config = DataConfig(transfer_file=(str(tmp_path / "raw.txt"),))
    sources = find_sources(config)
    (example,) = Reader(config, raw_text=True).examples(sources["transfer"])
    assert example.words == [text[start:end] for start, end in find_words(text)]
    assert example.words[:5] == ["Anna", "(", "of", "Berlin", ")"]


# Long texts


def pieces_of(lengths):
    """A text whose words have so many pieces, numbered from 1 on between markers 0 and 99."""
    total = sum(lengths)
    first = np.cumsum([1, *lengths[:-1]]).astype(np.int32)
    return Pieces(np.array([0, *range(1, total + 1), 99], np.int32), first)


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([1, 2, 3], [[1, 2, 3, 4, 5, 6]]),  # as it is
        ([1] * 8, [[1, 2, 3, 4], [5, 6, 7, 8]]),  # of the same length
        ([2, 5, 3], [[1, 2], [3, 4, 5, 6, 7], [8, 9, 10]]),  # never within a word
        ([1, 5, 2], [[1], [2, 3, 4, 5, 6], [7, 8]]),  # though it is the longest that fits
        ([14], [[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12], [13, 14]]),  # but where it must be
    ],
)
def test_a_long_text_is_cut_between_words_and_nothing_is_lost(lengths, expected):
    text = pieces_of(lengths)
    windows = cut_between_words(text, 8)
    assert [window.ids.tolist() for window in windows] == [[0, *own, 99] for own in expected]
    starts = [i for window in windows for i in window.ids[window.first].tolist()]
    assert starts == text.ids[text.first].tolist()


def test_every_piece_of_every_long_text_is_in_the_transfer_set(prepared):
    rng = random.Random(5)
    long = [" ".join(rng.choices(WORDS, k=rng.randint(20, 60))) for _ in range(40)]
    _, transfer, held, shards = prepared({"": long + made_up(20)}, max_seq_length=LENGTH)
    assert all(rows.lengths.max() <= LENGTH for rows in shards.values())
    everything = sum(int(rows.lengths.sum()) - 2 * len(rows) for rows in shards.values())
    tested = int(held["agreement"].lengths.sum()) - 2 * len(held["agreement"])
    _, whole, _, of_whole = prepared({"": long + made_up(20)}, long_texts="cut")
    unlost = sum(int(rows.lengths.sum()) - 2 * len(rows) for rows in of_whole.values())
    assert everything == unlost
    assert tested > 0
    assert whole["cut_texts"] == whole["windows"] == 0
    assert 30 < transfer["cut_texts"] <= 40
    short = transfer["texts"] - transfer["cut_texts"]
    assert transfer["sentences"] == short + transfer["windows"]


# What is learned


def test_a_strategy_loses_what_it_learns_from_labels():
    def losses(name):
        return [stage.losses for stage in find_strategy(name, labeled=False).stages]

    assert losses("D4.2") == losses("D4.1") == [("representation",), ("logits",)]
    assert losses("D3.2") == [("representation",), ("logits",)]
    assert losses("D2") == [("logits", "representation")]
    assert losses("D1") == [("logits",)]
    for name in ("D0", "D0-S"):
        with pytest.raises(ConfigError, match=f"learns from labels alone.*strategy={name}"):
            find_strategy(name, labeled=False)


# Agreement


def test_agreement_by_hand():
    """Two sentences of de, one of hi: the student finds two of the teacher's three entities and
    one that the teacher does not; five of seven words have the same tag."""
    first = [0, 1, 1, 0, 0, 1, 1, 1, 0, 0, 1, 1, 0]
    taught = [-1, 1, 2, -1, -1, 3, 0, 0, -1, -1, 1, 0, -1]
    learned = [9, 1, 2, 9, 9, 0, 0, 1, 9, 9, 1, 0, 9]
    rows = Ragged(
        np.array([0, 4, 9, 13]),
        {"ids": np.zeros(13, np.int32), "first": np.array(first, np.int8)},
        {"language": np.array([0, 0, 1])},
    )
    labels = LabelSet(TAGS)
    rows = answered(rows, np.where(np.array(taught) < 0, 4, taught), labels)
    assert rows.pieces["labels"].tolist() == taught
    classes = np.array(learned)
    scores, counts = score(Prediction(classes), rows, labels, ["de", "hi"])
    data = types.SimpleNamespace(prepare_labeled=lambda: {"languages": ["de", "hi"]})
    run = types.SimpleNamespace(config=small("", ""), data=data)
    found = agreement(run, rows, Scored(scores, counts, classes))
    # de: one entity of two is found, and one more: F1 50; hi: the one that there is
    assert found.f1.per_language == {"de": 50.0, "hi": 100.0}
    assert found.f1.mean == 75.0
    assert found.word_accuracy.per_language == {"de": 60.0, "hi": 100.0}
    assert found.sentences == 3
    assert found.f1_per_type == {"LOC": pytest.approx(80.0), "PER": 0.0}


# Whole runs


@pytest.fixture(scope="module")
def finished(teacher, tmp_path_factory):
    """A student distilled from texts alone: its folder, the texts, and the student."""
    out, texts = str(tmp_path_factory.mktemp("run") / "out"), made_up(120)
    return out, texts, xtremedistil.distil(teacher, iter(texts), out, **SMALL)


def test_texts_and_a_teacher_make_a_student(finished):
    out, texts, student = finished
    assert student.tag("anna visits berlin.").words == ["anna", "visits", "berlin", "."]
    results = read(RunResults, os.path.join(out, "results.json"))
    assert results.teacher.score is None
    assert results.student.score is None
    assert results.retained is None
    assert [step.stage for step in results.steps] == [1, 2]
    assert results.steps[1].agreement.mean == results.agreement.f1.mean
    assert results.agreement.sentences == 12
    assert set(results.agreement.f1.per_language) == {"all"}
    with open(os.path.join(out, "texts.txt"), encoding="utf-8") as file:
        assert file.read().splitlines() == texts


def test_a_report_says_that_it_is_agreement(finished):
    out, *_ = finished
    text = summary(read(RunResults, os.path.join(out, "results.json")))
    assert "agreement    F1" in text
    assert "not how right" in text
    assert "no labeled test set" in text
    assert "F1 kept" not in text
    page = build_page(load(out))
    assert "agreement<small>with teacher</small>" in page
    assert "Agreement of out" in page
    assert "texts.txt" in page


def test_a_run_that_stopped_goes_on(finished, teacher):
    """The same command makes what is missing, and nothing else."""
    out, texts, _ = finished
    results = read(RunResults, os.path.join(out, "results.json"))
    kept = {part: os.stat(os.path.join(out, part, "done.json")).st_mtime_ns for part in PARTS}
    os.remove(os.path.join(out, "agreement", "done.json"))
    os.remove(os.path.join(out, "results.json"))
    xtremedistil.distil(teacher, texts, out, **SMALL)
    found = {part: os.stat(os.path.join(out, part, "done.json")).st_mtime_ns for part in PARTS}
    assert found == kept
    assert read(RunResults, os.path.join(out, "results.json")).agreement == results.agreement


PARTS = ("data/labeled", "data/transfer", "targets", "scores/agreement-02-logits-all")


def test_a_labeled_test_set_is_scored_beside_agreement(teacher, tmp_path):
    for seed, language in enumerate(("de", "hi")):
        os.makedirs(tmp_path / "data" / language)
        texts = "".join(f"{text}\n" for text in made_up(60, seed))
        (tmp_path / "data" / language / "transfer.txt").write_text(texts)
    (tmp_path / "data" / "de" / "test.tsv").write_text("anna\tB-PER\nvisits\tO\n\nberlin\tB-LOC\n")
    config = small(str(tmp_path / "data"), tmp_path / "out", teacher=teacher, **SMALL)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, long_texts="cut"))
    results = execute(config)
    assert set(results["teacher"]["f1"]["per_language"]) == {"de"}
    assert set(results["student"]["f1"]["per_language"]) == {"de"}
    assert results["retained"] is not None
    assert set(results["agreement"]["word_accuracy"]["per_language"]) == {"de", "hi"}
    assert json.loads((tmp_path / "out" / "results.json").read_text("utf-8")) == results


def test_a_teacher_that_finds_nothing(teacher, tmp_path, monkeypatch):
    """The run ends with a warning, unless agreement should choose."""

    def nothing(forward, rows, labels, limit):
        return np.zeros(rows.offsets[-1], np.int64)

    monkeypatch.setattr("xtremedistil.experiments.agreement.predict_classes", nothing)
    texts, given = made_up(60), {**SMALL, "strategy": "D1"}
    with pytest.raises(DataError, match="no entity, so that its F1 is undefined"):
        xtremedistil.distil(teacher, texts, tmp_path / "a", select_by="metric", **given)
    assert not os.path.exists(tmp_path / "a" / "targets")
    xtremedistil.distil(teacher, texts, tmp_path / "b", **given)
    assert "agreement    F1 none" in summary(read(RunResults, str(tmp_path / "b/results.json")))


# Mistakes


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"strategy": "D0-S"}, ConfigError, "learns from labels alone, and there is no training"),
        ({"finetune": "always"}, ConfigError, "--finetune=always needs labeled data"),
        ({"task": "classification"}, CheckpointError, "no head for --task=classification; it has"),
        ({"teacher": "scratch"}, CheckpointError, "no head for --task=ner. Give a teacher"),
        ({"unfreeze": ("3",)}, ConfigError, "a stage that D4.1 does not have; it has 2"),
        ({"stage": "teacher"}, ConfigError, "needs a labeled test or train file"),
    ],
)
def test_what_cannot_work_stops_as_the_run_is_opened(teacher, tmp_path, changes, kind, message):
    (tmp_path / "texts.txt").write_text("\n".join(made_up(30)))
    given = {"transfer_file": (str(tmp_path / "texts.txt"),), "teacher": teacher, **SMALL}
    with pytest.raises(kind, match=message):
        Run(small("", tmp_path / "out", **{**given, **changes}))


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "the file holds no sentence"), ("anna visits berlin", "at least 3 different texts")],
)
def test_too_little_text_stops_a_run_before_long_work(teacher, tmp_path, text, message):
    (tmp_path / "texts.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        xtremedistil.distil(teacher, tmp_path / "texts.txt", tmp_path / "out", **SMALL)
    assert not os.path.exists(tmp_path / "out" / "targets")


def test_an_unknown_option_is_refused(teacher, tmp_path):
    with pytest.raises(ConfigError, match=r"Did you mean batch_size\? Received: batchsize="):
        xtremedistil.distil(teacher, [], tmp_path / "out", batchsize=3)
    with pytest.raises(DataError, match=r"texts must be strings. Received: text 2 is None"):
        xtremedistil.distil(teacher, ["anna", None], tmp_path / "out")
