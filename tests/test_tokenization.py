"""Words to pieces: the reference's pieces, and every word with its first piece."""

import dataclasses
import glob
import itertools
import json

import numpy as np
import pytest
import tiny_bert
import transformers
from golden_tokenizers import opened
from hypothesis import given, settings
from hypothesis import strategies as st

from xtremedistil.data.formats import Rules, read_examples
from xtremedistil.data.sample import LANGUAGES, corpus_dir, vocabulary_dir
from xtremedistil.runtime.errors import CheckpointError, DataError
from xtremedistil.tokenization.base import SpecialIds
from xtremedistil.tokenization.bpe import BytePairs
from xtremedistil.tokenization.registry import open_tokenizer
from xtremedistil.tokenization.unigram import Unigram
from xtremedistil.tokenization.wordpiece import WordPiece
from xtremedistil.tokenization.words import split_words

RULES = WordPiece(tuple(tiny_bert.PIECES), lowercase=True, strip_accents=True)
SAMPLE = open_tokenizer(vocabulary_dir())
FOLDERS = ((Unigram, "unigram-xlm-roberta"), (BytePairs, "bytes-roberta"))


def pieces_of(tokenizer, words):
    (pieces,) = tokenizer.encode([words])
    return [tokenizer.renumbered[i] for i in pieces.ids], pieces.first.tolist()


def test_first_pieces_and_markers():
    pieces, first = pieces_of(RULES, ["Visited", "Anna", "."])
    assert pieces == ["[CLS]", "visit", "##ed", "anna", ".", "[SEP]"]
    assert first == [1, 3, 4]


def test_punctuation_inside_a_word_belongs_to_it():
    assert pieces_of(RULES, ["the.anna", "a"]) == (
        ["[CLS]", "the", ".", "anna", "a", "[SEP]"],
        [1, 4],
    )


def test_words_that_vanish_keep_a_piece():
    pieces, first = pieces_of(RULES, ["\u200b", "anna", "\x07", "\x08", "a", "\u0301"])
    assert pieces == ["[CLS]", "[UNK]", "anna", "[UNK]", "[UNK]", "a", "[UNK]", "[SEP]"]
    assert first == [1, 2, 3, 4, 5, 6]


def test_text_that_spells_a_marker_is_text():
    vocabulary = (*tiny_bert.PIECES, "[", "]", "sep")
    assert pieces_of(WordPiece(vocabulary, lowercase=True), ["[SEP]"])[0] == [
        "[CLS]",
        "[",
        "sep",
        "]",
        "[SEP]",
    ]


@pytest.mark.parametrize(
    "tokenizer",
    [RULES, SAMPLE, *(opened(kind, name) for kind, name in FOLDERS)],
    ids=["rules", "sample", *(name for _, name in FOLDERS)],
)
def test_pieces_of_words_are_those_of_the_sentence(tokenizer):
    words = ["Anna", "Winterthur's", "<s>", "<pad>", "東京", "\u200b", "ab", "\x07", "ﷺ", "🙂"]
    words.append("x" * 300)
    (pieces,) = tokenizer.encode([words])
    expected = np.split(pieces.ids[1:-1], pieces.first[1:] - 1)
    assert tokenizer.word_pieces(words) == [ids.tolist() for ids in expected]
    assert tokenizer.word_pieces([]) == []


def test_a_sentence_without_words():
    assert pieces_of(RULES, []) == (["[CLS]", "[SEP]"], [])


def test_accents_follow_the_checkpoint_unless_forced(tmp_path):
    folder = tiny_bert.write(str(tmp_path))
    assert open_tokenizer(folder).strip_accents
    assert not open_tokenizer(folder, "no").strip_accents
    cased = open_tokenizer(tiny_bert.write(str(tmp_path / "cased"), lowercase=False))
    assert (cased.lowercase, cased.strip_accents) == (False, False)
    assert open_tokenizer(str(tmp_path / "cased"), "yes").strip_accents


@pytest.mark.parametrize(
    ("pieces", "setting", "lowercase", "said"),
    [
        (["Anna", "anna"], {}, False, "it is kept, as 1 of its 6 pieces have capitals"),
        (["anna"], {}, True, ""),
        (["ANNA", *(f"piece{i}" for i in range(2000))], {}, True, ""),  # one odd piece
        (["Anna"], {"do_lower_case": True}, True, "which no text can ever reach"),
        (["Anna"], {"do_lower_case": False}, False, ""),
    ],
)
def test_casing_without_a_setting_is_the_vocabulary_s(
    tmp_path, caplog, pieces, setting, lowercase, said
):
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *pieces]
    (tmp_path / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(setting))
    assert open_tokenizer(str(tmp_path)).lowercase == lowercase
    assert (said in caplog.text) if said else not caplog.text
    caplog.clear()
    content = {
        "model": {"type": "WordPiece", "vocab": {piece: i for i, piece in enumerate(vocabulary)}},
        "normalizer": {"type": "BertNormalizer", "strip_accents": None},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
    }
    if setting:
        content["normalizer"]["lowercase"] = setting["do_lower_case"]
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    assert open_tokenizer(str(tmp_path)).lowercase == lowercase
    assert (said in caplog.text) if said else not caplog.text


def test_rules_survive_a_round_trip(tmp_path):
    tokenizer = dataclasses.replace(
        SAMPLE, strip_accents=True, max_word_characters=50, clean_text=False
    )
    tokenizer.save(str(tmp_path))
    assert open_tokenizer(str(tmp_path)) == tokenizer


def test_a_vocabulary_needs_its_special_tokens():
    with pytest.raises(CheckpointError, match=r"without \[CLS\], \[SEP\]"):
        WordPiece(("[PAD]", "[UNK]", "a"))


def test_padding_is_piece_0_here_whatever_its_id_in_the_checkpoint(tmp_path):
    listed = ("[CLS]", "[PAD]", "[SEP]", "[UNK]", "a", "##b")
    tokenizer = WordPiece(listed)
    assert tokenizer.checkpoint_ids.tolist() == [1, 0, 2, 3, 4, 5]
    assert tokenizer.special_ids == SpecialIds(padding=0, unknown=3, begin=1, end=2, mask=None)
    assert tokenizer.special_ids.all == (0, 3, 1, 2)
    (pieces,) = tokenizer.encode([["ab", "x"]])
    assert pieces.ids.tolist() == [1, 4, 5, 3, 2]
    tokenizer.save(str(tmp_path))
    assert (tmp_path / "vocab.txt").read_text("utf-8").split() == list(listed)
    assert open_tokenizer(str(tmp_path)) == tokenizer


def test_what_a_piece_spells_and_where_it_stands():
    pieces = [RULES.renumbered.index(piece) for piece in ("visit", "##ed", "[CLS]")]
    assert [RULES.surface(i) for i in pieces] == ["visit", "ed", "[CLS]"]
    assert [RULES.continues_word(i) for i in pieces] == [False, True, False]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"of a kind that is read \(wordpiece, unigram, bpe\)\. Received: notes\.md"),
        (
            {"model": {"type": "WordLevel"}, "normalizer": {"type": "Lowercase"}},
            "Received: model WordLevel, normalizer Lowercase",
        ),
        (
            {"model": {"type": "WordPiece"}, "normalizer": {"type": "Sequence"}},
            "with the steps of BERT before it.*Received: Sequence, None",
        ),
        (["WordPiece"], "a JSON object is wanted. Received: list"),
    ],
)
def test_a_folder_without_a_tokenizer_that_is_read(tmp_path, content, message):
    (tmp_path / "notes.md").write_text("none")
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=message):
        open_tokenizer(str(tmp_path))


@pytest.fixture(scope="module")
def references(tmp_path_factory):
    """Our rules, and Hugging Face's tokenizer for the same folder, cased and uncased."""
    pairs = []
    for lowercase in (False, True):
        folder = str(tmp_path_factory.mktemp("tokenizer"))
        tokenizer = dataclasses.replace(SAMPLE, lowercase=lowercase, strip_accents=lowercase)
        tokenizer.save(folder)
        pairs.append((tokenizer, transformers.BertTokenizer.from_pretrained(folder)))
    return pairs


def equal_to_reference(tokenizer, reference, words):
    ours = next(iter(tokenizer.encode([words])))
    theirs = reference(words, is_split_into_words=True)
    if len(set(theirs.word_ids()) - {None}) == len(
        words
    ):  # else the reference lost a word, and we did not
        assert ours.ids.tolist() == theirs["input_ids"]
        word_of = theirs.word_ids()
        assert ours.first.tolist() == [word_of.index(i) for i in range(len(words))]
    return len(ours.first) == len(words)


@pytest.mark.parametrize("language", LANGUAGES)
def test_pieces_equal_the_reference_in_every_language(references, language):
    examples = list(read_examples(f"{corpus_dir()}/{language}/test.tsv.xz", "conll"))[::4]
    for tokenizer, reference in references:
        assert all(equal_to_reference(tokenizer, reference, e.words) for e in examples)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_pieces_equal_the_reference_on_any_text(references, text):
    words = [
        w for w in split_words(text) if "[" not in w
    ]  # the reference reads "[SEP]" as a marker
    for tokenizer, reference in references:
        assert equal_to_reference(tokenizer, reference, words)


def test_every_real_sentence_keeps_its_words_and_tags(shared_data, minilm):
    tokenizer = open_tokenizer(minilm)
    files = [(path, "conll") for path in glob.glob(f"{shared_data}/wikiann/*/*.tsv")]
    files += [(path, "tsv") for path in glob.glob(f"{shared_data}/xd_sample/*_small.tsv")]
    rules = Rules(repair_iob2=True)  # some of the published data is not IOB2
    sentences = 0
    for path, file_format in files:
        try:
            found = read_examples(path, file_format, rules=rules)
            examples = list(itertools.islice(found, 300))
        except DataError:  # the published sample's line with an empty token
            assert path.endswith("test_small.tsv")
            continue
        for example, pieces in zip(
            examples, tokenizer.encode(e.words for e in examples), strict=True
        ):
            assert len(pieces.first) == len(example.words) == len(example.tags)
            assert pieces.ids[0] == 101
            assert pieces.ids[-1] == 102
            assert (np.diff(pieces.first) > 0).all()
        sentences += len(examples)
    assert sentences == 28 * 3 * 300 + 10


def test_two_vocabularies_that_differ_are_refused(tmp_path):
    folder = tiny_bert.write(str(tmp_path))
    (tmp_path / "tokenizer.json").write_text(RULES._tokenizer.to_str(), "utf-8")
    assert open_tokenizer(folder).vocabulary == RULES.vocabulary
    pieces = list(tiny_bert.PIECES)
    pieces[7], pieces[8] = pieces[8], pieces[7]
    (tmp_path / "vocab.txt").write_text("\n".join(pieces), "utf-8")
    message = rf"vocab.txt: other pieces than in tokenizer.json.*piece 7 is {pieces[7]!r}"
    with pytest.raises(CheckpointError, match=message):
        open_tokenizer(folder)
