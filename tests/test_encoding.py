"""Text in chunks on disk: whoever encodes it, and however often that is stopped."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tiny_bert

from xtremedistil.config import DataConfig
from xtremedistil.data import chunks, sampling, sources
from xtremedistil.data.encoder_process import Encoders
from xtremedistil.data.encoding import HAS_CLASS, TextEncoder
from xtremedistil.data.labeled import split_examples
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.long_texts import CutTexts
from xtremedistil.data.sampling import sentence_hash
from xtremedistil.data.shards import read_shard, record_of, save_shard
from xtremedistil.data.sources import Text
from xtremedistil.data.unlabeled import prepare_unlabeled
from xtremedistil.runtime.errors import DataError
from xtremedistil.tokenization.registry import open_tokenizer
from xtremedistil.tokenization.wordpiece import WordPiece

RULES = WordPiece(tuple(tiny_bert.PIECES), lowercase=True, strip_accents=True)
ENCODER = TextEncoder(RULES, LabelSet(("O", "B-LOC", "I-LOC")), longest=6)
TEXTS = [Text(["Berlin,", *["visits"] * (i % 7)], raw=i % 2 == 0) for i in range(110)]
GOLDEN = os.path.join(os.path.dirname(__file__), "golden")


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of 16 texts, and more than two of them are many."""
    monkeypatch.setattr(chunks, "CHUNK_TEXTS", 16)
    monkeypatch.setattr(chunks, "_FEW_TEXTS", 32)


def encode(folder, workers=1):
    os.makedirs(folder, exist_ok=True)
    rows, texts = chunks.encode_texts(TEXTS, len(TEXTS), ENCODER, str(folder), workers)
    arrays = [rows.offsets, *rows.pieces.values(), *rows.sentences.values()]
    return [array.tolist() for array in (*arrays, texts.hashes, texts.starts)]


def test_rows_of_a_text_by_hand():
    rows = ENCODER.encode([Text(["berlin,"], True), Text(["berlin"] * 5, False)])
    berlin, comma = map(tiny_bert.PIECES.index, ("berlin", ","))
    begin, end = RULES.special_ids.begin, RULES.special_ids.end
    first, second = [begin, berlin, comma, end], [begin, *[berlin] * 3, end]
    ids = [*first, *second, begin, berlin, berlin, end]
    assert rows.pieces["ids"].tolist() == ids
    assert rows.pieces[HAS_CLASS].tolist() == [int(i in (berlin, comma)) for i in ids]
    own = [sentence_hash(["berlin", ","]), sentence_hash(["berlin"] * 5)]
    assert rows.sentences["hash"].tolist() == [own[0], own[1], own[1]]
    assert rows.sentences["begins"].tolist() == [1, 1, 0]


def test_words_are_found_once_in_text_that_is_not_held_out(tmp_path, monkeypatch):
    found = []
    (tmp_path / "out").mkdir()
    (tmp_path / "texts.txt").write_text("".join(f"berlin, {i} visits\n" for i in range(200)))
    find = sources.raw_words
    monkeypatch.setattr(sources, "raw_words", lambda words: found.append(words) or find(words))
    config = DataConfig(transfer_file=(str(tmp_path / "texts.txt"),), agreement_test=10)
    given, folder = sources.find_sources(config), str(tmp_path / "out")
    told, _ = prepare_unlabeled(config, given, RULES, ENCODER.labels, 5, folder)
    assert told["sentences_per_language"] == {"dev": {"": 5}, "agreement": {"": 10}}
    assert len(found) == 200 + 5 + 10
    held = split_examples(config, given, told, folder, "dev")
    numbers = [int(example.words[2]) for example in held]
    assert numbers == sorted(numbers)
    assert [example.words for example in held] == [
        ["berlin", ",", str(i), "visits"] for i in numbers
    ]


def test_millions_among_a_few_by_blocks():
    values = np.random.default_rng(0).integers(0, 1000, (1 << 16) + 100).astype(np.uint64)
    few = np.array([3, 999, 5], np.uint64)
    expected = [value in (3, 5, 999) for value in values.tolist()]
    assert sampling.is_among(values, few).tolist() == expected
    assert not sampling.is_among(values[:0], few).any()


def test_rows_of_texts_that_were_cut_and_of_texts_that_were_not():
    hashes = np.arange(4, dtype=np.uint64)
    whole = CutTexts(hashes, np.arange(5))
    assert whole.rows(np.array([3, 1])).tolist() == [3, 1]
    assert whole.cut() == {"cut_texts": 0, "windows": 0}
    cut = CutTexts(hashes, np.array([0, 1, 4, 5, 7]))
    assert cut.rows(np.array([3, 1])).tolist() == [5, 6, 1, 2, 3]
    assert cut.windows(np.array([3, 0])).tolist() == [2, 1]
    assert cut.cut() == {"cut_texts": 2, "windows": 5}
    assert len(cut) == len(whole) == 4


def test_processes_give_the_same_rows_as_one_process(tmp_path, small_chunks):
    alone = encode(tmp_path / "alone")
    assert encode(tmp_path / "two", workers=2) == alone
    for name in sorted(os.listdir(tmp_path / "alone")):
        content = (tmp_path / "alone" / name).read_bytes()
        assert (tmp_path / "two" / name).read_bytes() == content, name


def test_a_stopped_encoding_goes_on_from_the_chunks_that_are_whole(
    tmp_path, small_chunks, monkeypatch
):
    expected, encoded, whole = encode(tmp_path / "whole"), [], TextEncoder.encode

    def stopping(encoder, texts):
        encoded.append(len(texts))
        if len(encoded) == 4:
            raise KeyboardInterrupt
        return whole(encoder, texts)

    monkeypatch.setattr(TextEncoder, "encode", stopping)
    with pytest.raises(KeyboardInterrupt):
        encode(tmp_path / "stopped")
    os.truncate(tmp_path / "stopped" / "000001.safetensors", 100)
    assert encode(tmp_path / "stopped") == expected
    # 110 texts: after the stop the second chunk, and those from the fourth on
    assert encoded == [16] * 4 + [16] * 4 + [14]


def test_a_process_that_encodes_imports_no_tensorflow():
    code = "import sys, xtremedistil.data.encoder_process; print('tensorflow' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"


def test_a_process_that_ends_too_early_is_an_error(tmp_path):
    with Encoders(ENCODER, str(tmp_path), 1) as encoders:
        encoders.processes[0].kill()
        with pytest.raises(DataError, match=r"ended before its work did.*exit code -9"):
            encoders.encode(TEXTS[:1], str(tmp_path / "0.safetensors"))


@pytest.mark.parametrize("name", ["unigram-xlm-roberta", "bytes-roberta"])
def test_other_kinds_of_tokenizers_encode_in_a_process_as_here(name, tmp_path):
    encoder = TextEncoder(open_tokenizer(os.path.join(GOLDEN, name)))
    here, there = (str(tmp_path / f"{place}.safetensors") for place in ("here", "there"))
    texts = [Text(["naïve", "東京", "😀"], False), Text(["", "a\u0301b,"], True)]
    save_shard(encoder.encode(texts), here)
    with Encoders(encoder, str(tmp_path), 1) as encoders:
        encoders.encode(texts, there)
    found, expected = (read_shard(path, set(), record_of(path)) for path in (there, here))
    np.testing.assert_array_equal(found.pieces["ids"], expected.pieces["ids"])
    assert len(found) == 2
