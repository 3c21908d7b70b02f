"""BPE tokenizers give the golden ids of each word as it stands after a space."""

import json
import shutil

import pytest
from golden_tokenizers import GOLDEN, copied, golden, opened

from xtremedistil.runtime.errors import CheckpointError, ConfigError
from xtremedistil.serving.graph.registry import has_graph
from xtremedistil.tokenization.base import SpecialIds
from xtremedistil.tokenization.bpe import BytePairs
from xtremedistil.tokenization.kind import TokenizerFolder
from xtremedistil.tokenization.registry import open_tokenizer

FOLDERS = ["bytes-roberta", "bytes-modernbert", "fallback-gemma"]
LISTED = ("vocab.json", "merges.txt", "tokenizer_config.json", "added_tokens.json")
WHOLE = "tokenizer.json"
READ_FROM = {**{name: (name, ()) for name in FOLDERS}, "listed": ("bytes-roberta", LISTED)}

BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
STRIP = {"type": "Strip", "strip_left": True, "strip_right": True}


def ids_of(tokenizer, words):
    (ids, word_of) = next(iter(tokenizer.encode_words([words])))
    return ids.tolist(), word_of.tolist()


@pytest.mark.parametrize(("name", "files"), READ_FROM.values(), ids=READ_FROM)
def test_golden_ids(name, files):
    tokenizer, expected = opened(BytePairs, name, *files), golden(name)
    special = expected["special"]
    roles = (special[role] for role in ("pad", "unk", "cls", "sep", "mask"))
    assert tokenizer.checkpoint_specials == SpecialIds(*roles)
    assert len(tokenizer) == expected["size"]
    added = {*special.values(), tokenizer.vocabulary.index("<ent>")}
    spelled_out = 0
    for row in expected["rows"]:
        ids, _ = ids_of(tokenizer, [row["text"]])
        if added.isdisjoint(row["tokenizers_after_space"]):
            assert ids == row["tokenizers_after_space"], row["text"]
        else:  # a marker or an added token in text is text
            spelled_out += 1
            surfaces = map(tokenizer.surface, tokenizer.checkpoint_ids[ids])
            assert added.isdisjoint(ids)
            assert "".join(surfaces) == row["text"]
    assert spelled_out >= 2


def hand_made(folder, **changes):
    """A byte-level vocabulary in which "Ġ a" merges before "a b"."""
    pieces = ["<pad>", "<unk>", "<s>", "</s>", "Ġ", "a", "b", "Ġa", "ab", "Ã", "¶"]
    model = {"type": "BPE", "vocab": {piece: i for i, piece in enumerate(pieces)}}
    content = {
        "model": model | {"merges": [["Ġ", "a"], ["a", "b"]]},
        "pre_tokenizer": BYTES,
    }
    content["model"] |= changes.pop("model", {})
    (folder / WHOLE).write_text(json.dumps(content | changes))
    return str(folder)


def test_every_word_stands_after_a_space_by_hand(tmp_path):
    tokenizer = open_tokenizer(hand_made(tmp_path))
    assert ids_of(tokenizer, ["ab", "bab", "ab"]) == ([7, 6, 4, 6, 8, 7, 6], [0, 0, 1, 1, 1, 2, 2])
    (pieces,) = tokenizer.encode([["ö", "a"]])  # two bytes, which no merge joins
    assert (pieces.ids.tolist(), pieces.first.tolist()) == ([2, 4, 9, 10, 7, 3], [1, 4])
    spelled = [(tokenizer.surface(i), tokenizer.continues_word(i)) for i in (2, 4, 7, 8)]
    assert spelled == [("<s>", False), ("", False), ("a", False), ("ab", True)]


def test_steps_that_put_the_space_themselves_put_one(tmp_path):
    itself = BYTES | {"add_prefix_space": True}
    assert ids_of(open_tokenizer(hand_made(tmp_path, pre_tokenizer=itself)), ["ab"])[0] == [7, 6]
    (tmp_path / "characters").mkdir()
    vocabulary = {piece: i for i, piece in enumerate(["<pad>", "<unk>", "<s>", "</s>", "▁", "a"])}
    steps = [
        {"type": "Prepend", "prepend": "▁"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
    ]
    folder = hand_made(
        tmp_path / "characters",
        model={"vocab": vocabulary, "merges": [], "byte_fallback": True, "unk_token": "<unk>"},
        normalizer={"type": "Sequence", "normalizers": steps},
        pre_tokenizer=None,
    )
    assert ids_of(open_tokenizer(folder), ["aa", "☃"])[0] == [4, 5, 5, 4, 1]


def test_what_a_piece_of_bytes_spells():
    tokenizer = open_tokenizer(str(GOLDEN / "fallback-gemma"))
    piece = tokenizer.vocabulary.index("<0x41>")
    assert (tokenizer.surface(piece), tokenizer.continues_word(piece)) == ("A", True)
    tokenizer = open_tokenizer(str(GOLDEN / "bytes-modernbert"))
    piece = int(tokenizer.checkpoint_ids[tokenizer.vocabulary.index("ĠÐ")])
    assert tokenizer.surface(piece) == "\ufffd"  # half a character


@pytest.mark.parametrize(("name", "files"), READ_FROM.values(), ids=READ_FROM)
def test_what_is_saved_opens_again(tmp_path, name, files):
    tokenizer = opened(BytePairs, name, *files)
    names = tokenizer.save(str(tmp_path))
    again = BytePairs.from_folder(TokenizerFolder(str(tmp_path), names))
    assert (again, again.fingerprint) == (tokenizer, tokenizer.fingerprint)


def test_a_token_that_one_file_adds_is_saved(tmp_path):
    folder = hand_made(tmp_path)
    (tmp_path / "added_tokens.json").write_text('{"<ent>": 11}')
    tokenizer = open_tokenizer(folder)
    names = tokenizer.save(str(tmp_path))
    assert BytePairs.from_folder(TokenizerFolder(folder, names)) == tokenizer
    assert tokenizer.vocabulary[11:] == ("<ent>",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"end_of_word_suffix": "</w>"}}, "Received: end_of_word_suffix='</w>'"),
        ({"model": {"dropout": 0.1}}, "Received: dropout=0.1"),
        ({"pre_tokenizer": {"type": "Whitespace"}}, "Received: Whitespace, byte_fallback=None"),
        ({"model": {"merges": [["a", "x"]]}}, "not the file of a tokenizer .*out of vocabulary"),
        ({"model": {"merges": [["a", "a"]]}}, "not the file of a tokenizer .*out of vocabulary"),
        ({"model": {"vocab": {"a": 1 << 40}, "merges": []}}, "ids go from 0 to 4194303"),
        ({"model": {"vocab": {"a": 0, "b": 0}, "merges": []}}, "'a' and 'b' with 0"),
        ({"model": {"vocab": {"Ġ": 0, "a": 1}, "merges": []}}, r"a piece for padding \(pad_token"),
        ({"normalizer": STRIP}, r"begins with 'Ġ'. Received: \['a'\] for ' a'"),
    ],
)
def test_a_tokenizer_json_that_is_not_read(tmp_path, changes, message):
    with pytest.raises(CheckpointError, match=message):
        open_tokenizer(hand_made(tmp_path, **changes))


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("merges", lambda c: c[: len(c) // 2], r"merges.txt.*(cut off|separated by a space)"),
        ("merges", lambda c: b"#version: 0.2\n", "the file may be cut off.*Received: 0 merges"),
        ("merges", lambda c: c + b"a b c\n", r"merges\.txt:341: a line has two pieces.*'a b c'"),
        ("merges", lambda c: c + b"\xff\n", r"merges\.txt: not the file of a tokenizer"),
        ("vocab", lambda c: c.update(a=c["b"]), "no two pieces have the same id"),
        ("added_tokens", lambda c: c | {"<ent>": 700}, "without a gap.*'<ent>' with id 700"),
    ],
)
def test_listed_files_that_are_damaged(tmp_path, file, change, message):
    folder = copied(tmp_path, "bytes-roberta", *LISTED, **{file: change})
    with pytest.raises(CheckpointError, match=message):
        open_tokenizer(folder)


def test_what_there_is_not():
    tokenizer = open_tokenizer(str(GOLDEN / "bytes-roberta"))
    assert not has_graph(tokenizer)
    with pytest.raises(ConfigError, match=r"a rule of WordPiece.*Received: strip_accents=no"):
        open_tokenizer(str(GOLDEN / "bytes-roberta"), "no")


def test_two_vocabularies_that_differ_are_refused(tmp_path):
    folder = shutil.copytree(GOLDEN / "bytes-roberta", tmp_path / "folder")
    ids = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    (folder / "vocab.json").write_text(json.dumps(ids), "utf-8")
    assert len(open_tokenizer(str(folder))) >= len(ids)
    one, other = [piece for piece, i in ids.items() if i in (30, 31)]
    ids[one], ids[other] = ids[other], ids[one]
    (folder / "vocab.json").write_text(json.dumps(ids), "utf-8")
    with pytest.raises(CheckpointError, match=r"vocab.json: other pieces.*piece 30 is"):
        open_tokenizer(str(folder))
