"""The paper's data by name, from small Parquet files of the hub's form."""

import pytest

from xtremedistil.config import DataConfig
from xtremedistil.data.fetch import fetch
from xtremedistil.data.sources import Reader, find_sources
from xtremedistil.runtime.errors import ConfigError, DataError

pytest.importorskip("datasets", reason="needs the datasets library (extra 'hub')")


def store(folder, split, columns):
    import pyarrow
    from pyarrow import parquet

    folder.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.table(columns), folder / f"{split}-00000-of-00001.parquet")


def examples(folder, split, task):
    config = DataConfig(data_dir=str(folder), task=task)
    return list(Reader(config).examples(find_sources(config)[split]))


def test_wikiann_becomes_a_folder_per_language(tmp_path):
    rows = {"tokens": [["Ada", "in", "Paris"], ["ein", " "]], "ner_tags": [[1, 0, 5], [0, 0]]}
    for language in ("de", "fr"):
        for split in ("train", "validation", "test"):
            store(tmp_path / "hub" / language, split, rows)
    out = tmp_path / "out"
    counts = fetch("wikiann", str(out), str(tmp_path / "hub"), ["de", "fr"])
    assert counts == {f"{x}/{y}.tsv": 1 for x in ("de", "fr") for y in ("train", "dev", "test")}
    read = examples(out, "dev", "ner")
    expected = (["Ada", "in", "Paris"], ["B-PER", "O", "B-LOC"])
    assert [(e.words, e.tags) for e in read] == [expected] * 2
    assert sorted(e.language for e in read) == ["de", "fr"]


def test_a_fetch_that_was_stopped_goes_on(tmp_path):
    rows = {"tokens": [["Ada"]], "ner_tags": [[1]]}
    for split in ("train", "validation", "test"):
        store(tmp_path / "hub" / "de", split, rows)
    (tmp_path / "out" / "de").mkdir(parents=True)
    (tmp_path / "out" / "de" / "train.tsv").write_text("Bob\tB-PER\n\n")
    counts = fetch("wikiann", str(tmp_path / "out"), str(tmp_path / "hub"), ["de"])
    assert counts == {"de/test.tsv": 1, "de/dev.tsv": 1}
    assert (tmp_path / "out" / "de" / "train.tsv").read_text() == "Bob\tB-PER\n\n"
    with pytest.raises(DataError, match="has every file of wikiann already"):
        fetch("wikiann", str(tmp_path / "out"), str(tmp_path / "hub"), ["de"])


def test_texts_lose_their_tabs_and_keep_their_labels(tmp_path):
    columns = {"sentence": ["good\tfilm ", "bad"], "label": [1, 0]}
    for split in ("train", "validation"):
        store(tmp_path / "hub" / "data", split, columns)
    fetch("sst2", str(tmp_path / "out"), str(tmp_path / "hub"))
    assert (tmp_path / "out" / "dev.tsv").read_text() == "good film\t1\nbad\t0\n"
    read = examples(tmp_path / "out", "train", "classification")
    assert [(e.words, e.tags) for e in read] == [(["good", "film"], ["1"]), (["bad"], ["0"])]


def test_unlabeled_reviews_become_the_transfer_file(tmp_path):
    for split, label in (("train", 1), ("test", 0), ("unsupervised", -1)):
        store(tmp_path / "hub" / "plain_text", split, {"text": [f"a {split}"], "label": [label]})
    counts = fetch("imdb", str(tmp_path / "out"), str(tmp_path / "hub"))
    assert counts == {"train.tsv": 1, "test.tsv": 1, "transfer.txt": 1}
    assert (tmp_path / "out" / "transfer.txt").read_text() == "a unsupervised\n"


def test_mistakes_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"--dataset must be one of wikiann, sst2, .*'elec'"):
        fetch("elec", str(tmp_path))
    with pytest.raises(ConfigError, match="wikiann has no languages xx"):
        fetch("wikiann", str(tmp_path), languages=["xx"])
    with pytest.raises(DataError, match=r"stanfordnlp/sst2 cannot be read .* give it as --source"):
        fetch("sst2", str(tmp_path / "out"), str(tmp_path / "nothing"))
    store(tmp_path / "hub" / "data", "train", {"words": ["x"], "label": [1]})
    with pytest.raises(DataError, match=r"a row must have sentence, label; sentence missing"):
        fetch("sst2", str(tmp_path / "out2"), str(tmp_path / "hub"))
    assert not (tmp_path / "out2" / "train.tsv").exists()
