"""Data folders to encoded sentences: splits, sampling, the transfer set, and what is refused."""

import os

import numpy as np
import pytest
import tiny_bert

from xtremedistil.config import DataConfig
from xtremedistil.data import variants
from xtremedistil.data.encoding import HAS_CLASS
from xtremedistil.data.labeled import labeled_contents, prepare_labeled
from xtremedistil.data.labels import IGNORED, LabelSet
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.sources import find_sources
from xtremedistil.data.transfer import (
    VALIDATION,
    prepare_transfer,
    read_manifest,
    transfer_contents,
)
from xtremedistil.runtime.errors import CheckpointError, DataError
from xtremedistil.tokenization.wordpiece import WordPiece

RULES = WordPiece(tuple(tiny_bert.PIECES), lowercase=True, strip_accents=True)
PLACE = "berlin\tB-LOC\nvisits\tO\n\n"
PERSON = "anna\tB-PER\nvisited\tO\n.\tO\n\n"


def sentences(number, start=0):
    """Different sentences, in turn of a place and a person."""
    lines = []
    for i in range(start, start + number):
        name, tag = (("berlin", "B-LOC"), ("anna", "B-PER"))[i % 2]
        lines.append(f"{name}\t{tag}\nun{'i' * i}\tO\n\n")
    return "".join(lines)


@pytest.fixture
def folder(tmp_path):
    """Two languages; only German has unlabeled text."""
    for language, start in (("de", 0), ("en", 100)):
        os.makedirs(tmp_path / "data" / language)
        for split, number, offset in (("train", 40, 0), ("dev", 12, 40), ("test", 10, 60)):
            text = sentences(number, start + offset)
            (tmp_path / "data" / language / f"{split}.tsv").write_text(text)
    (tmp_path / "data" / "de" / "transfer.txt").write_text(
        "".join(f"the visit{'s' * i}\n" for i in range(30))
    )
    return tmp_path


def prepare(folder, labels=None, held_out=5, **options):
    options = {"long_texts": "cut", **options}  # so that there are as many rows as texts
    config = DataConfig(data_dir=str(folder / "data"), **options)
    sources = find_sources(config)
    out = folder / "labeled"
    os.makedirs(out, exist_ok=True)
    summary, files = prepare_labeled(config, sources, RULES, labels, held_out, str(out))
    assert all((out / name).exists() for name in files)
    return (
        config,
        sources,
        summary,
        {n: Ragged.load(str(out / f"{n}.safetensors")) for n in ("train", "dev", "test")},
    )


def test_a_folder_per_language_is_one_data_set(folder):
    _, _, summary, splits = prepare(folder)
    assert summary["languages"] == ["de", "en"]
    assert summary["sentences_per_language"] == {
        "train": {"de": 40, "en": 40},
        "dev": {"de": 12, "en": 12},
        "test": {"de": 10, "en": 10},
    }
    assert summary["labels"] == [
        "[PAD]",
        "O",
        "B-LOC",
        "I-LOC",
        "B-PER",
        "I-PER",
        "X",
        "[CLS]",
        "[SEP]",
    ]
    first = splits["train"].take(np.array([0]))
    assert [RULES.vocabulary[i] for i in first.pieces["ids"]][:3] == ["[CLS]", "berlin", "un"]
    names = [summary["labels"][i] for i in first.pieces["labels"]]
    assert names == ["[CLS]", "B-LOC", "O", "[SEP]"]
    assert first.pieces["first"].tolist() == [0, 1, 1, 0]


def test_a_single_folder_has_one_nameless_language(tmp_path):
    os.makedirs(tmp_path / "data")
    for split in ("train", "valid", "test"):
        (tmp_path / "data" / f"{split}.txt").write_text(PLACE + PERSON)
    assert prepare(tmp_path)[2]["sentences_per_language"]["dev"] == {"": 2}


def test_a_ready_teachers_labels_are_kept_and_leave_markers_out(folder):
    labels = LabelSet(("O", "B-LOC", "I-LOC", "B-PER", "I-PER"))
    _, _, summary, splits = prepare(folder, labels)
    assert summary["labels"] == list(labels.names)
    row = splits["train"].take(np.array([2]))  # berlin unii: un ##i ##i
    assert row.pieces["labels"].tolist() == [-1, 1, 0, -1, -1, -1]


def test_a_tag_that_the_teacher_does_not_know_is_an_error(folder):
    with pytest.raises(
        DataError,
        match=r"de/dev.tsv:4: the teacher does not know this label; it knows O, B-LOC.*'B-PER'",
    ):
        prepare(folder, LabelSet(("O", "B-LOC", "I-LOC")))


def test_a_tag_that_training_never_shows_is_a_class_that_is_missed_and_warned_of(folder, caplog):
    (folder / "data" / "en" / "test.tsv").write_text("a\tB-MISC\n")
    _, _, summary, splits = prepare(folder)
    assert {"B-MISC", "I-MISC"} <= set(summary["labels"])
    en = np.flatnonzero(splits["test"].sentences["language"] == 1)
    (label,) = splits["test"].take(en).pieces["labels"][1:-1]
    assert summary["labels"][label] == "B-MISC"
    (warning,) = [r.getMessage() for r in caplog.records if "training sentence" in r.getMessage()]
    assert "no training sentence has MISC, so" in warning


def test_samples_are_seeded_per_language_and_independent(folder):
    _, _, summary, splits = prepare(folder, labeled_per_language=7, test_per_language=4)
    assert summary["sentences_per_language"]["train"] == {"de": 7, "en": 7}
    _, _, _, again = prepare(folder, labeled_per_language=7, test_per_language=4)
    _, _, _, other = prepare(folder, labeled_per_language=9, test_per_language=4, data_seed=0)
    _, _, _, seeded = prepare(folder, labeled_per_language=7, test_per_language=4, data_seed=1)

    def hashes(name, of):
        return set(of[name].sentences["hash"].tolist())

    assert hashes("train", splits) == hashes("train", again)
    assert hashes("test", splits) == hashes(
        "test", other
    )  # one sample's size leaves the others as they are
    assert hashes("train", splits) != hashes("train", seeded)


def test_classification_samples_are_spread_over_the_classes(tmp_path):
    os.makedirs(tmp_path / "data")
    text = "".join(f"un{'i' * i}\t{int(i % 4 == 0)}\n" for i in range(100))
    for split in ("train", "dev", "test"):
        (tmp_path / "data" / f"{split}.tsv").write_text(text)
    _, _, summary, splits = prepare(tmp_path, task="classification", labeled_per_language=20)
    assert summary["labels"] == ["0", "1"]
    assert np.bincount(splits["train"].sentences["labels"]).tolist() == [10, 10]


def test_without_a_test_file_the_development_file_is_scored(folder):
    for language in ("de", "en"):
        os.remove(folder / "data" / language / "test.tsv")
    _, _, summary, splits = prepare(folder, labeled_per_language=10, dev_per_language=5)
    assert summary["splits_from"] == {"train": "train", "dev": "train", "test": "dev"}
    assert len(splits["test"]) == 24
    assert len(splits["dev"]) == 10
    shared = set(splits["dev"].sentences["hash"]) & set(splits["train"].sentences["hash"])
    assert not shared


def test_nothing_to_score_on_is_an_error(folder):
    for language in ("de", "en"):
        for split in ("dev", "test"):
            os.remove(folder / "data" / language / f"{split}.tsv")
    with pytest.raises(DataError, match="a dev or a test file is needed"):
        prepare(folder)


def transfer(folder, held_out=5, labels=None, read_table=None, **options):
    config, sources, _, _ = prepare(folder, labels, held_out, **options)
    out = folder / "transfer"
    os.makedirs(out, exist_ok=True)
    summary, _ = prepare_transfer(
        config, sources, RULES, str(folder / "labeled"), held_out, str(out), labels, read_table
    )
    shards = [
        Ragged.load(str(out / name))
        for name in (VALIDATION, *read_manifest(str(out), summary).names)
    ]
    return summary, shards


def test_the_transfer_set_is_all_training_text_and_the_transfer_files(folder):
    summary, shards = transfer(folder)
    assert (summary["sentences"], summary["held_out"]) == (110, 5)
    assert [len(shard) for shard in shards] == [5, 105]
    _, _, _, splits = prepare(folder)
    everything = {h for shard in shards for h in shard.sentences["hash"].tolist()}
    assert set(splits["train"].sentences["hash"].tolist()) <= everything
    assert not set(splits["test"].sentences["hash"].tolist()) & everything


def test_variants_of_what_is_learned_from_are_shuffled_among_it(folder, monkeypatch):
    monkeypatch.setattr(variants, "_NEIGHBOURS", 2)  # the vocabulary is small
    table = np.random.default_rng(0).normal(size=(len(RULES), 8)).astype(np.float32)
    _, (validation, alone) = transfer(folder)
    summary, (same, rest) = transfer(folder, read_table=lambda: table, transfer_variants=2)
    assert (summary["sentences"], summary["held_out"]) == (5 + 3 * 105, 5)
    assert np.array_equal(validation.pieces["ids"], same.pieces["ids"])
    assert sorted(hashes_of(rest)) == sorted(3 * hashes_of(alone))
    assert hashes_of(rest)[:105] != hashes_of(alone)
    real, copies = texts_of(alone), texts_of(rest)
    for text, (own,) in real.items():
        assert own in copies[text]  # once as it is
        assert {len(copy) for copy in copies[text]} == {len(own)}
    changed = [copy != own for text, (own,) in real.items() for copy in copies[text]]
    assert 105 < sum(changed) <= 2 * 105
    assert texts_of(transfer(folder, read_table=lambda: table, transfer_variants=2)[1][1]) == copies


def test_a_smaller_transfer_set_still_holds_the_labeled_sentences(folder):
    summary, shards = transfer(folder, labeled_per_language=8, transfer_per_language=12)
    # 12 German, 12 English (the transfer file is German), and two beyond them that validate
    assert (summary["sentences"], summary["held_out"]) == (26, 2)
    _, _, _, splits = prepare(folder, labeled_per_language=8)
    everything = {h for shard in shards for h in shard.sentences["hash"].tolist()}
    assert set(splits["train"].sentences["hash"].tolist()) <= everything


def test_text_without_a_language_fills_what_the_languages_leave(folder):
    (folder / "web.txt").write_text("".join(f"un{'i' * i} visit\n" for i in range(300)))
    web = {"transfer_file": (str(folder / "web.txt"),), "labeled_per_language": 10, "held_out": 3}
    # 70 German sentences and 40 English ones
    assert transfer(folder, transfer_per_language=60, **web)[0]["sentences"] == 60 + 40 + 20
    assert transfer(folder, transfer_per_language=100, **web)[0]["sentences"] == 70 + 40 + 90
    assert transfer(folder, transfer_per_language=30, **web)[0]["sentences"] == 2 * 30
    with_all = transfer(folder, transfer_per_language=9000, **web)[0]["sentences"]
    assert with_all == 70 + 40 + 300


def test_a_larger_transfer_set_holds_the_smaller(folder):
    small, large = (
        transfer(folder, transfer_per_language=number, labeled_per_language=5)[1]
        for number in (12, 30)
    )
    found = [{h for shard in shards for h in hashes_of(shard)} for shards in (small, large)]
    assert found[0] < found[1]


def texts_of(rows):
    """The pieces of all rows of each text, by its hash."""
    found = {}
    for text, ids in zip(
        hashes_of(rows), np.split(rows.pieces["ids"], rows.offsets[1:-1]), strict=True
    ):
        found.setdefault(text, []).append(ids.tolist())
    return found


def hashes_of(rows):
    return rows.sentences["hash"].tolist()


def test_nothing_that_is_labeled_validates(folder):
    """Neither a labeled sentence nor a copy of one, of whatever language or file."""
    train = (folder / "data" / "de" / "train.tsv").read_text()
    (folder / "data" / "en" / "train.tsv").write_text(train)
    copies = "".join(f"{('berlin', 'anna')[i % 2]} un{'i' * i}\n" for i in range(40))
    (folder / "web.txt").write_text(copies + copies)
    options = {"transfer_file": (str(folder / "web.txt"),), "labeled_per_language": 15}
    _, (held_out, *shards) = transfer(folder, held_out=20, **options)
    *_, splits = prepare(folder, **options)
    assert len(set(hashes_of(held_out))) == len(held_out) == 19  # a tenth of 190
    assert not set(hashes_of(held_out)) & set(hashes_of(splits["train"]))
    learned = [h for shard in shards for h in hashes_of(shard)]
    assert not set(hashes_of(held_out)) & set(learned)
    assert set(hashes_of(splits["train"])) <= set(learned)


@pytest.mark.parametrize(
    ("options", "labeled", "learned", "validating"),
    [
        ({}, 75, 75, 5),  # all 80 would be labeled: five are left out
        ({"labeled_per_language": 39}, 75, 75, 5),  # two are not labeled: three are left out
        ({"labeled_per_language": 10, "transfer_per_language": 10}, 20, 20, 2),
        ({"labeled_per_language": 10, "transfer_per_language": 20}, 20, 38, 4),
    ],
)
def test_a_slice_is_held_out_of_the_labeled_sentences_too(
    folder, options, labeled, learned, validating
):
    os.remove(folder / "data" / "de" / "transfer.txt")
    summary, (held_out, *shards) = transfer(folder, **options)
    *_, splits = prepare(folder, **options)
    assert len(splits["train"]) == labeled
    assert sum(map(len, shards)) == learned
    assert not set(hashes_of(held_out)) & set(hashes_of(splits["train"]))
    assert len(held_out) == summary["held_out"] == validating


def test_what_validates_may_be_text_that_the_transfer_set_leaves_out(folder):
    summary, (held_out, rest) = transfer(folder, transfer_per_language=20)
    *_, splits = prepare(folder, transfer_per_language=20)
    assert (summary["sentences"], len(held_out), len(rest)) == (85, 5, 80)
    assert set(hashes_of(rest)) == set(hashes_of(splits["train"]))


def test_a_transfer_set_of_labeled_sentences_alone_is_an_error(folder):
    (folder / "data" / "de" / "transfer.txt").write_text("berlin un\n")
    with pytest.raises(DataError, match=r"not labeled too.*81 sentences, all of them labeled"):
        transfer(folder)


def test_what_validates_in_place_of_a_development_file_is_in_no_training_data(folder):
    for language in ("de", "en"):
        os.remove(folder / "data" / language / "dev.tsv")
    (folder / "data" / "en" / "train.tsv").write_text(sentences(12, 100))
    _, shards = transfer(folder)
    _, _, summary, splits = prepare(folder)
    assert summary["splits_from"]["dev"] == "train"
    assert summary["sentences_per_language"]["dev"] == {"de": 4, "en": 1}
    assert summary["sentences_per_language"]["train"] == {"de": 36, "en": 11}
    everything = {h for shard in shards for h in hashes_of(shard)}
    assert not set(hashes_of(splits["dev"])) & everything
    assert len(everything) == 36 + 11 + 30


def test_pieces_that_a_ready_teacher_has_no_class_for_are_marked(folder):
    labels = LabelSet(("O", "B-LOC", "I-LOC", "B-PER", "I-PER"))
    _, shards = transfer(folder, labels=labels)
    _, _, _, splits = prepare(folder, labels)
    train = splits["train"]
    applies = {
        text: (train.take(np.array([row])).pieces["labels"] != IGNORED).tolist()
        for row, text in enumerate(train.sentences["hash"].tolist())
    }
    seen = 0
    for shard in shards:
        assert shard.pieces[HAS_CLASS].dtype == np.int8
        for row, text in enumerate(shard.sentences["hash"].tolist()):
            own = shard.take(np.array([row])).pieces
            if text in applies:
                assert own[HAS_CLASS].tolist() == applies[text]
                seen += 1
            else:  # the visit ##s ... of the German text file
                assert own[HAS_CLASS].tolist() == [0, 1, 1, *[0] * (len(own["ids"]) - 3)]
    assert seen == 80


def test_a_teacher_with_markers_has_a_class_for_every_piece(folder):
    entities = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    for labels in (None, LabelSet((*entities, "X", "[CLS]", "[SEP]"))):
        _, shards = transfer(folder, labels=labels)
        assert all(set(shard.pieces) == {"ids"} for shard in shards)


def test_the_transfer_set_of_a_ready_teacher_is_another_part(folder):
    config, sources, _, _ = prepare(folder)
    bare = LabelSet(("O", "B-LOC", "I-LOC"))
    of_data, of_bare = (transfer_contents(config, sources, "x", a) for a in (None, bare))
    assert of_bare == {**of_data, HAS_CLASS: True}
    texts = LabelSet(("good", "bad"), "classification")
    assert transfer_contents(config, sources, "x", texts) == of_data


def test_shards_are_shuffled_and_hold_everything_once(folder, monkeypatch):
    monkeypatch.setattr("xtremedistil.data.transfer.SHARD_SENTENCES", 16)
    summary, shards = transfer(folder)
    manifest = read_manifest(str(folder / "transfer"), summary)
    assert summary["shards"] == 7
    assert manifest.sentences.tolist() == [16] * 6 + [9]
    assert manifest.pieces.tolist() == [int(shard.offsets[-1]) for shard in shards[1:]]
    hashes = [h for shard in shards for h in shard.sentences["hash"].tolist()]
    assert len(hashes) == 110
    assert len(set(hashes)) == len(set(hashes)) == 110
    assert summary["pieces"] == sum(int(shard.offsets[-1]) for shard in shards)
    _, again = transfer(folder)
    assert [h for shard in again for h in shard.sentences["hash"].tolist()] == hashes


def test_shards_that_an_earlier_version_listed_are_known():
    listed = [{"name": "00000.safetensors", "sentences": 3, "pieces": 12}]
    manifest = read_manifest("nowhere", {"shards": listed})
    assert (manifest.names, manifest.sentences.tolist()) == (["00000.safetensors"], [3])
    assert manifest.pieces.tolist() == [12]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda d: d.rename(d.parent / "elsewhere"),
            r"--data_dir must be a folder. Received: data_dir='.*data'",
        ),
        (
            lambda d: [
                os.remove(d / x) for x in ("de/train.tsv", "de/transfer.txt", "en/train.tsv")
            ],
            r"no training file.*Received: de, en",
        ),
        (
            lambda d: (d / "de" / "train.conll").write_text(PLACE),
            r"de: one train file is wanted. Received: train.conll, tr",
        ),
        (
            lambda d: (d / "de" / "transfer.txt").write_text("\n\n"),
            r"transfer.txt: the file holds no sentence",
        ),
        (
            lambda d: (d / "de" / "transfer.txt").write_text("a\n" + "w " * 10_000),
            r"transfer.txt:2: 10,000 words",
        ),
        (
            lambda d: (d / "de" / "transfer.txt").write_bytes(b"a\nbr\xfcn\n"),
            r"transfer.txt:2: not valid UTF-8",
        ),
    ],
)
def test_unusable_folders_are_refused(folder, spoil, message):
    spoil(folder / "data")
    with pytest.raises(DataError, match=message):
        transfer(folder)


def test_a_missing_transfer_file_is_named(folder):
    config = DataConfig(data_dir=str(folder / "data"), transfer_file=("nowhere.txt",))
    with pytest.raises(DataError, match=r"nowhere.txt: no such file"):
        find_sources(config)


def test_labels_must_name_entities():
    with pytest.raises(CheckpointError, match="must contain O"):
        LabelSet(("B-LOC", "I-LOC"))
    with pytest.raises(CheckpointError, match="two or more different names"):
        LabelSet(("O", "O", "B-LOC"))


def test_the_fingerprint_follows_contents_not_places(folder):
    def inputs():
        config = DataConfig(data_dir=str(folder / "data"))
        return labeled_contents(find_sources(config), RULES, None, 5)

    before = inputs()
    assert inputs() == before
    os.rename(folder / "data", folder / "moved")
    os.rename(folder / "moved", folder / "data")
    (folder / "data" / "en" / "dev.tsv").write_text(PLACE)
    after = inputs()
    assert {name for name in before if before[name] != after[name]} == {"dev files"}


def test_files_of_one_name_have_fingerprints_of_their_own_and_an_order(folder):
    paths = []
    for place, text in (("a", "anna visits\n"), ("b", "the visit\n")):
        os.makedirs(folder / place)
        (folder / place / "part.txt").write_text(text)
        paths.append(str(folder / place / "part.txt"))

    def inputs(*transfer_file):
        config = DataConfig(data_dir=str(folder / "data"), transfer_file=transfer_file)
        return transfer_contents(config, find_sources(config), "x")

    before = inputs(*paths)
    assert inputs(*reversed(paths)) != before  # sentences are numbered in another order
    (folder / "a" / "part.txt").write_text("anna visited\n")
    assert inputs(*paths) != before
