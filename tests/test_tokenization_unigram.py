"""Unigram tokenizers give the golden ids, from either file, in Python and in the graph."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import sentencepiece
import tensorflow as tf
from golden_tokenizers import GOLDEN, copied, golden, opened
from small_run import german_and_hindi, small
from test_text import HOSTILE, Pair

import xtremedistil
from xtremedistil.data.labels import LabelSet
from xtremedistil.experiments.main import execute
from xtremedistil.runtime.errors import CheckpointError, ConfigError
from xtremedistil.serving.python.encoding import Encoder
from xtremedistil.students.folder import Codec, StudentFolder
from xtremedistil.tokenization import sentencepiece_model
from xtremedistil.tokenization.base import SpecialIds
from xtremedistil.tokenization.kind import TokenizerFolder
from xtremedistil.tokenization.raw_words import find_words
from xtremedistil.tokenization.registry import open_tokenizer
from xtremedistil.tokenization.sentencepiece_model import PieceType
from xtremedistil.tokenization.unigram import Unigram

MODELS = {
    "unigram-xlm-roberta": "sentencepiece.bpe.model",
    "unigram-camembert": "sentencepiece.bpe.model",
    "unigram-deberta": "spm.model",
}
XLM_ROBERTA = "unigram-xlm-roberta"
SETTINGS, WHOLE, ADDED = "tokenizer_config.json", "tokenizer.json", "added_tokens.json"
TEXTS = ["Anna reist nach Köln.", "मुंबई \u200b ☃ 2020", ""]


def ids_of(tokenizer, words):
    (ids, word_of) = next(iter(tokenizer.encode_words([words])))
    return ids.tolist(), word_of.tolist()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("files", ["all", "model", "json"])
def test_golden_ids(name, files):
    names = {"all": (), "model": (MODELS[name], SETTINGS, ADDED), "json": (WHOLE, SETTINGS)}
    tokenizer, expected = opened(Unigram, name, *names[files]), golden(name)
    special = expected["special"]
    roles = (special[role] for role in ("pad", "unk", "cls", "sep", "mask"))
    assert tokenizer.checkpoint_specials == SpecialIds(*roles)
    assert len(tokenizer) == expected["size"]
    for row in expected["rows"]:
        assert ids_of(tokenizer, [row["text"]])[0] == row["sentencepiece"], row["text"]


@pytest.mark.parametrize(("name", "model"), MODELS.items())
def test_the_model_file_and_its_layout_alone(name, model):
    tokenizer, expected = opened(Unigram, name, model, SETTINGS), golden(name)
    assert len(tokenizer) == expected["size"] - 1  # without the added token
    assert tokenizer.checkpoint_specials.mask == expected["special"]["mask"]


@pytest.mark.parametrize("name", MODELS)
def test_the_graph_gives_the_same_pieces(name):
    pair = Pair(opened(Unigram, name))
    texts = [row["text"] for row in golden(name)["rows"]]
    texts += [text.encode("utf-8", "replace").decode("utf-8") for text in HOSTILE]
    assert pair.differences([*texts, " ".join(texts), "nul\0l \1"]) == []


def hand_made(folder, **model):
    """A vocabulary in which "ab" is best spelled "▁a", "b"."""
    scores = {"▁": -1.0, "a": -2.0, "▁a": -2.5, "b": -1.5, "ab": -3.5}
    pieces = [[piece, 0.0] for piece in ("<s>", "<pad>", "</s>", "<unk>")]
    content = {
        "model": {"type": "Unigram", "unk_id": 3, "vocab": [*pieces, *map(list, scores.items())]},
        "normalizer": None,
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True},
    }
    content["model"] |= model
    (folder / WHOLE).write_text(json.dumps(content))
    return str(folder)


def test_the_best_pieces_by_hand(tmp_path):
    tokenizer = open_tokenizer(hand_made(tmp_path))
    # ▁a b: -4.0; ▁ ab: -4.5; ▁ a b: -4.5. Two unknown characters are one piece.
    assert ids_of(tokenizer, ["ab", "a", "☃☃b"]) == ([6, 7, 6, 4, 3, 7], [0, 0, 1, 2, 2, 2])
    (pieces,) = tokenizer.encode([["ab", "▁", "a"]])  # padding, 1, and 0 change places
    assert (pieces.ids.tolist(), pieces.first.tolist()) == ([1, 6, 7, 3, 6, 2], [1, 3, 4])
    spelled = [(tokenizer.surface(i), tokenizer.continues_word(i)) for i in (1, 3, 4, 6, 7)]
    expected = [("<s>", False), ("<unk>", False), ("", False), ("a", False), ("b", True)]
    assert spelled == expected


@pytest.mark.parametrize("files", [(), (WHOLE, SETTINGS)])
@pytest.mark.parametrize("name", ["unigram-camembert", "unigram-deberta"])
def test_what_is_saved_opens_again(tmp_path, name, files):
    tokenizer = opened(Unigram, name, *files)
    names = tokenizer.save(str(tmp_path))
    again = Unigram.from_folder(TokenizerFolder(str(tmp_path), names))
    assert (again, again.fingerprint) == (tokenizer, tokenizer.fingerprint)
    assert again.vocabulary[-1] == "<ent>"


@pytest.mark.parametrize(
    ("settings", "config", "offset"),
    [
        ({"tokenizer_class": "XLMRobertaTokenizerFast"}, "bert", 1),
        ({"tokenizer_class": "CamembertTokenizer"}, None, 4),
        ({"tokenizer_class": "PreTrainedTokenizerFast"}, "camembert", 4),
        ({}, "deberta-v2", 0),
        ({}, None, 1),
    ],
)
def test_the_class_tells_how_ids_are_shifted(tmp_path, settings, config, offset):
    model = MODELS[XLM_ROBERTA]
    folder = copied(tmp_path, XLM_ROBERTA, model, SETTINGS, tokenizer_config=lambda _: settings)
    if config:
        (tmp_path / "config.json").write_text(json.dumps({"model_type": config}))
    if offset:
        assert open_tokenizer(folder).offset == offset
    else:  # whose markers have other names, and padding is not in this file
        with pytest.raises(CheckpointError, match=r"a piece for padding \(pad_token\)"):
            open_tokenizer(folder)


def swap(content):
    content["model"]["vocab"][10:12] = content["model"]["vocab"][11:9:-1]


def change_score(content):
    content["model"]["vocab"][10][1] -= 1


def move_a_marker(content):
    content["added_tokens"][0]["id"] = 7


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (swap, "two tokenizers.*Received: 2 differences, the first: 10 is"),
        (change_score, "Received: 1 differences, the first: .* has the scores"),
        (lambda c: c.update(normalizer=None), r"tables of normalization of \d{4} and 0 bytes"),
        (lambda c: c["model"]["vocab"].__delitem__(slice(-2, None)), "401 and 400 pieces"),
        (move_a_marker, "'<s>', which is 0 in the vocabulary and 7 among the added tokens"),
    ],
)
def test_two_files_that_disagree(tmp_path, change, message):
    with pytest.raises(CheckpointError, match=message):
        open_tokenizer(copied(tmp_path, XLM_ROBERTA, tokenizer=change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(normalizer={"type": "Lowercase"}), "steps of SentencePiece.*Lowercase"),
        (lambda c: c.update(pre_tokenizer=None), "a space before each word.*Received: Precompiled"),
        (lambda c: c["model"].update(unk_id=None), "an unknown piece.*unk_id=None"),
        (lambda c: c["model"]["vocab"][9].__setitem__(1, float("nan")), "a finite score for every"),
        (lambda c: c["model"].update(vocab={"a": 1}), "not the file of a tokenizer"),
        (lambda c: c["model"]["vocab"].append(["▁", -1.0]), "already defined"),
        (lambda c: c.update(added_tokens=[{"content": "x", "id": 1 << 40}]), "an added token has"),
    ],
)
def test_a_tokenizer_json_that_is_not_sentencepiece(tmp_path, change, message):
    folder = copied(tmp_path, XLM_ROBERTA, WHOLE, SETTINGS, tokenizer=change)
    with pytest.raises(CheckpointError, match=message):
        open_tokenizer(folder)


def test_a_model_file_cut_off_anywhere(tmp_path):
    content = (GOLDEN / XLM_ROBERTA / MODELS[XLM_ROBERTA]).read_bytes()
    for length in (0, 1, 100, 4000, len(content) - 1000, len(content) - 1):
        (tmp_path / MODELS[XLM_ROBERTA]).write_bytes(content[:length])
        with pytest.raises(CheckpointError, match="cut off"):
            open_tokenizer(str(tmp_path))


def test_a_table_that_points_out_of_itself():
    """The library would read the memory there: a unit of the trie, then a string."""
    content = (GOLDEN / XLM_ROBERTA / MODELS[XLM_ROBERTA]).read_bytes()
    table = bytearray(sentencepiece_model.describe(content, "a.model").table)
    sentencepiece_model.check_table(bytes(table), "a.model")
    for place, value in ((4, 1 << 20 << 10), (-1, 1)):
        damaged = bytearray(table)
        size = 4 if place > 0 else 1
        damaged[place : place + size or None] = value.to_bytes(size, "little")
        with pytest.raises(CheckpointError, match="cut off or damaged"):
            sentencepiece_model.check_table(bytes(damaged), "a.model")


@pytest.mark.parametrize(
    ("trainer", "normalizer", "message"),
    [
        (b"\x18\x02", b"", "Received: another model_type"),
        (b"\xc0\x01\x01", b"", "treat_whitespace_as_suffix"),
        (b"", b"\x18\x00", "add_dummy_prefix"),
        (b"", b"\x28\x00", "escape_whitespaces"),
    ],
)
def test_a_model_file_with_other_rules(trainer, normalizer, message):
    piece = b"\x0a\x03\x0a\x01a"
    content = piece + b"\x12" + bytes([len(trainer)]) + trainer
    content += b"\x1a" + bytes([len(normalizer)]) + normalizer
    with pytest.raises(CheckpointError, match=message):
        sentencepiece_model.describe(content, "a.model")


def test_a_model_file_that_is_written_is_read():
    pieces = [("<unk>", 0.0, PieceType.UNKNOWN), ("▁a", -1.5, PieceType.NORMAL)]
    content = sentencepiece_model.write(pieces, b"", 0, False)
    # By hand, from the definition of protocol buffers: a piece, then the trainer's settings.
    assert content.startswith(b"\x0a\x0e\x0a\x05<unk>\x15\0\0\0\0\x18\x02\x0a\x0d\x0a\x04")
    assert b"\x15\x00\x00\xc0\xbf\x18\x01\x12" in content
    described = sentencepiece_model.describe(content, "a.model")
    assert (described.pieces, described.table) == (["<unk>", "▁a"], b"")


# Its rules have a long name, so that the pieces are far from the end of the file.
LONG_NORMALIZER = b"\x1a\x80\x04\x0a\xfd\x03" + bytes(509)


@pytest.mark.parametrize(
    ("piece", "spelled"),
    [
        (b"\x0a\x01a", "a"),  # no score
        (b"\x0a\x01a\x15\0\0\0\0", "a"),
        (b"\x0a\x01a\x15\0\0\0\0\x18\x06", "a"),
        (b"\x15\0\0\0\0\x0a\x01a", "a"),  # the score first
        (b"\x0a\x01a\x15\0\0\0\0\x0a\x01b", "b"),  # spelled twice: the last one counts
        (b"\x0a\x01a\x15\0\0\0\0\x18\x80\x01", "a"),  # a type of two bytes
        (b"\x0a\x80\x01" + b"a" * 128 + b"\x15\0\0\0\0", "a" * 128),
        (b"\x15\0\0\0\0", ""),
    ],
)
def test_a_piece_is_read_however_it_is_written(piece, spelled):
    size = bytes([len(piece)]) if len(piece) < 128 else bytes([len(piece) & 127 | 128, 1])
    content = b"\x0a" + size + piece + b"\x12\0" + LONG_NORMALIZER
    assert sentencepiece_model.describe(content, "a.model").pieces == [spelled]


@pytest.mark.parametrize(
    "piece",
    [b"\x0a\x01\xff", b"\x08\x01", b"\x0a\x05a", b"\x0a", b"\x0a\x01a\x15\0", b"\x0b"],
)
def test_a_piece_that_is_none(piece):
    content = b"\x0a" + bytes([len(piece)]) + piece + b"\x12\0" + LONG_NORMALIZER
    with pytest.raises(CheckpointError, match="cut off or damaged"):
        sentencepiece_model.describe(content, "a.model")


def test_pieces_are_those_of_the_library():
    content = (GOLDEN / XLM_ROBERTA / MODELS[XLM_ROBERTA]).read_bytes()
    opened = sentencepiece.SentencePieceProcessor(model_proto=content)
    expected = opened.id_to_piece(list(range(opened.get_piece_size())))
    assert sentencepiece_model.describe(content, "a.model").pieces == expected


def test_a_huge_file_is_not_read(tmp_path):
    with open(tmp_path / "spm.model", "wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(CheckpointError, match=r"at most 134,217,728 bytes.*1,073,741,824 bytes"):
        open_tokenizer(str(tmp_path))


def test_rules_that_there_are_not(tmp_path):
    with pytest.raises(ConfigError, match=r"a rule of WordPiece.*Received: strip_accents=yes"):
        open_tokenizer(str(GOLDEN / XLM_ROBERTA), "yes")
    folder = copied(tmp_path, XLM_ROBERTA, tokenizer_config=lambda c: c | {"do_lower_case": True})
    with pytest.raises(CheckpointError, match="do_lower_case=True"):
        open_tokenizer(folder)
    (tmp_path / SETTINGS).write_text('{"tokenizer_class": "MBartTokenizer"}')
    with pytest.raises(CheckpointError, match="Received: tokenizer_class='MBartTokenizer'"):
        open_tokenizer(folder)


@pytest.mark.parametrize("name", [XLM_ROBERTA, "bytes-modernbert", "fallback-gemma"])
def test_texts_read_at_once_are_those_read_one_by_one(name):
    tokenizer = open_tokenizer(str(GOLDEN / name))
    rows = np.arange(len(tokenizer), dtype=np.int32)[::-1].copy()
    encoder = Encoder(Codec(tokenizer, rows, LabelSet.from_data(["O", "B-A"], "ner")))
    words = [[text[a:b] for a, b in find_words(text)] for text in TEXTS]
    expected = list(tokenizer.encode(words))
    found = encoder.texts(TEXTS)
    assert found.rows.pieces["ids"].tolist() == [rows[i] for p in expected for i in p.ids]
    assert found.first.tolist() == [place for p in expected for place in p.first]


def test_tokenizers_open_without_tensorflow():
    program = (
        "import sys; from xtremedistil.tokenization.registry import open_tokenizer\n"
        "for folder in sys.argv[1:]: list(open_tokenizer(folder).encode([['Köln']]))\n"
        "assert not {'tensorflow', 'transformers', 'google.protobuf'} & set(sys.modules)"
    )
    folders = [GOLDEN / name for name in (XLM_ROBERTA, "bytes-roberta")]
    subprocess.run([sys.executable, "-c", program, *folders], check=True)


def test_a_whole_run(tmp_path):
    """A teacher from scratch that reads Unigram pieces; its student from Python, as ONNX and as a
    SavedModel."""
    data, out = german_and_hindi(tmp_path / "data"), str(tmp_path / "out")
    changes = {"strategy": "D2", "logit_epochs": (1,), "teacher_epochs": 1}
    changes |= {"transfer_per_language": 64, "test_per_language": 20}
    folder = str(GOLDEN / XLM_ROBERTA)
    results = execute(small(data, out, teacher_vocabulary=folder, **changes))
    saved = StudentFolder.load(os.path.join(out, "student"))
    assert saved.codec.tokenizer == open_tokenizer(folder)
    student, by_onnx = (xtremedistil.load(out, form) for form in ("keras", "onnx"))
    served = tf.saved_model.load(results["saved_model"]).signatures
    for signature, pretokenized in (("tag", False), ("tag_words", True)):
        answer = served[signature](tf.constant(TEXTS))
        expected = student.tag(TEXTS, pretokenized=pretokenized)
        others = by_onnx.tag(TEXTS, pretokenized=pretokenized)
        for i, (one, other) in enumerate(zip(expected, others, strict=True)):
            assert (one.words, one.tags) == (other.words, other.tags)
            np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)
            n = int(answer["counts"][i])
            found = (answer[name][i, :n].numpy().tolist() for name in ("words", "tags"))
            assert [[s.decode() for s in part] for part in found] == [one.words, one.tags]
            np.testing.assert_allclose(answer["scores"][i, :n], one.scores, atol=1e-5)
