"""Variants of sentences: which pieces may stand for each other, and what is replaced."""

import numpy as np
import pytest
import tiny_bert
from small_run import german_and_hindi, small

from xtremedistil.data.ragged import Ragged
from xtremedistil.data.sample import vocabulary_dir
from xtremedistil.data.variants import Neighbours, with_variants
from xtremedistil.experiments.run import Run
from xtremedistil.experiments.understood import understand
from xtremedistil.experiments.understood_text import describe
from xtremedistil.runtime.errors import ConfigError
from xtremedistil.tokenization.registry import open_tokenizer

TOKENIZER = open_tokenizer(vocabulary_dir())
SENTENCES = ["Der Name der Stadt ist Berlin , 1984 .", "Die alte Frau war in London ."]


@pytest.fixture(scope="module")
def table():
    return np.random.default_rng(0).normal(size=(len(TOKENIZER), 24)).astype(np.float32)


@pytest.fixture(scope="module")
def rows():
    pieces = TOKENIZER.encode([text.split() for text in SENTENCES])
    numbers = {"hash": np.arange(2, dtype=np.uint64)}
    return Ragged.from_lists({"ids": [found.ids for found in pieces]}, numbers)


@pytest.fixture(scope="module")
def neighbours(table, rows):
    return Neighbours(TOKENIZER, table, rows)


def written(piece):
    text = TOKENIZER.surface(piece)
    return TOKENIZER.continues_word(piece), text[0].isupper(), text.isupper(), text.isalpha()


def test_neighbours_are_the_nearest_of_the_pieces_that_are_written_alike(neighbours, table, rows):
    centred = table - table.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    replaced = [p for p in np.unique(rows.pieces["ids"]) if (neighbours.near[p] != p).any()]
    assert {"Der", "Stadt", "London"} <= {TOKENIZER.surface(p) for p in replaced}
    for piece in replaced:
        near = neighbours.near[piece]
        assert len(set(near)) == 15
        assert piece not in near
        assert {written(other) for other in near} == {written(piece)}
        cosines = centred @ centred[piece]
        least = cosines[near].min()
        alike = [
            other
            for other in range(len(TOKENIZER))
            if other not in (piece, *TOKENIZER.special_ids.all)
            and TOKENIZER.surface(other).isascii()
            and written(other) == written(piece)
        ]
        assert {other for other in alike if cosines[other] > least} <= set(near.tolist())


def test_only_the_chosen_rows_change_and_only_words_of_letters(neighbours, rows):
    whole = rows.take(np.zeros(400, np.int64))
    some = np.arange(400) % 2 == 1
    varied = neighbours.vary(whole, some, np.random.default_rng(1))
    before, after = whole.pieces["ids"].reshape(400, -1), varied.pieces["ids"].reshape(400, -1)
    assert np.array_equal(before[~some], after[~some])
    changed = (before != after)[some].mean(axis=0)
    marks = [not TOKENIZER.surface(p).isalpha() for p in before[0]]
    assert not changed[marks].any()
    assert not changed[[0, -1]].any()
    can = (neighbours.near[before[0]] != before[0][:, None]).any(axis=1)
    assert (np.abs(changed[can] - 0.3) < 0.13).all()
    assert varied.sentences is whole.sentences
    again = neighbours.vary(whole, some, np.random.default_rng(1))
    assert np.array_equal(again.pieces["ids"], varied.pieces["ids"])


def test_variants_are_numbered_beyond_the_rows():
    assert with_variants(np.array([4, 1]), 2, 10).tolist() == [4, 1, 14, 11, 24, 21]
    assert with_variants(np.array([4, 1]), 0, 10).tolist() == [4, 1]


def test_a_run_learns_from_variants_and_says_so(tmp_path):
    data = german_and_hindi(tmp_path / "data")
    teacher = tiny_bert.write(str(tmp_path / "teacher"), lowercase=False)
    options = {"teacher": teacher, "max_seq_length": 16, "embedding_dim": 8}
    plain, varied = (
        Run(small(data, tmp_path / f"out{number}", transfer_variants=number, **options))
        for number in (0, 2)
    )
    alone, found = plain.data.prepare_transfer(), varied.data.prepare_transfer()
    assert found["held_out"] == alone["held_out"]
    learned = alone["sentences"] - alone["held_out"]
    assert found["sentences"] == alone["held_out"] + 3 * learned
    told = describe(varied, understand(varied, with_transfer=True))
    assert f"{alone['texts']:,} texts" in told
    assert "; 2 variants of each that is learned from" in told


def test_a_teacher_that_is_built_here_has_no_neighbours_to_tell(tmp_path):
    german_and_hindi(tmp_path)
    with pytest.raises(ConfigError, match=r"pretrained.*transfer_variants=2 teacher='scratch'"):
        Run(small(str(tmp_path), str(tmp_path / "out"), transfer_variants=2))
