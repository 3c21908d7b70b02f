"""A tokenizer and a family of teachers that the package does not know: each is one file's worth of
code and a line in its registry, and a whole run works with them."""

import json
import os
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf
from keras import layers
from small_run import german_and_hindi, small

import xtremedistil
from xtremedistil.config import TeacherConfig
from xtremedistil.data.labels import LabelSet
from xtremedistil.experiments.main import execute
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError, CheckpointError
from xtremedistil.serving.exports.export import ExportOptions, export
from xtremedistil.serving.graph.registry import GRAPH_TOKENIZERS, graph_tokenizer
from xtremedistil.serving.graph.saved_model import answer_texts, export_saved_model
from xtremedistil.serving.graph.tokenizer import GraphTokenizer
from xtremedistil.students.folder import StudentFolder
from xtremedistil.teachers.family import (
    HEAD,
    WORD_EMBEDDINGS,
    Family,
    Head,
    Layout,
    Tensor,
    dense_tensors,
    final_layer,
)
from xtremedistil.teachers.registry import FAMILIES
from xtremedistil.teachers.teacher import load_teacher, open_checkpoint, save_teacher, word_table
from xtremedistil.tokenization.base import SpecialIds, Tokenizer
from xtremedistil.tokenization.kind import TokenizerFolder, TokenizerKind
from xtremedistil.tokenization.registry import TOKENIZERS, open_tokenizer

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
TEXTS = ["Anna reist nach Köln .", "मुंबई ☃ 2020", ""]


@dataclass(frozen=True)
class Letters(Tokenizer):
    """Every character is a piece; padding is piece 1 of the checkpoint."""

    kind: ClassVar[str] = "letters"
    letters: tuple[str, ...]

    def __len__(self):
        return len(SPECIAL) + len(self.letters)

    @property
    def checkpoint_specials(self):
        return SpecialIds(padding=1, unknown=3, begin=0, end=2)

    def encode_words(self, sentences):
        ids = {letter: i for i, letter in enumerate(self.letters, len(SPECIAL))}
        for words in sentences:
            spelled = [(ids.get(c, 3), n) for n, word in enumerate(words) for c in word]
            found, word_of = np.array(spelled, np.int64).reshape(-1, 2).T
            yield found.astype(np.int32), word_of

    def surface(self, piece):
        return (*SPECIAL, *self.letters)[self.checkpoint_ids[piece]]

    def continues_word(self, piece):
        return False

    @property
    def fingerprint(self):
        return files.fingerprint(self.letters)

    def save(self, folder):
        files.write_json(os.path.join(folder, "letters.json"), {"letters": self.letters})
        return ("letters.json",)


def open_letters(folder: TokenizerFolder, strip_accents: str) -> Letters:
    assert strip_accents == "checkpoint"
    return Letters(tuple(folder.read_json("letters.json")["letters"]))


LETTERS = TokenizerKind(
    Letters.kind,
    reads=("letters.json",),
    saves=("letters.json",),
    recognises=lambda folder: "letters.json" in folder.names,
    open=open_letters,
)


class GraphLetters(GraphTokenizer):
    def __init__(self, tokenizer):
        super().__init__(tokenizer)
        keys = tf.constant(tokenizer.letters)
        ids = tf.constant(tokenizer.checkpoint_ids[len(SPECIAL) :])
        content = tf.lookup.KeyValueTensorInitializer(keys, ids)
        self.ids = tf.lookup.StaticHashTable(content, self.special.unknown)

    def pieces(self, words):
        letters = tf.strings.unicode_split(words.values, "UTF-8")
        return words.with_values(
            self.at_least_one(letters.with_values(self.ids.lookup(letters.values)))
        )


@dataclass(frozen=True)
class BagConfig:
    vocabulary_size: int
    width: int
    embedding_width: int
    blocks: int = 1
    max_positions: int = 512
    dropout: float = 0.1


def encode(config, ids):
    x = layers.Embedding(config.vocabulary_size, config.embedding_width, name=WORD_EMBEDDINGS)(ids)
    return [x, layers.Dense(config.width, "tanh", name="block_1")(x)]


BAG = Family(
    name="bag",
    model_types=("bag-of-letters",),
    prefix="bag.",
    config=BagConfig,
    read_config=lambda content, path, has_tensor, task: BagConfig(*content["sizes"]),
    write_config=lambda config, task: {
        "architectures": ["BagForTokenClassification"],
        "model_type": "bag-of-letters",
        "sizes": [config.vocabulary_size, config.width, config.embedding_width],
    },
    encode=encode,
    tensors=lambda config: {
        (WORD_EMBEDDINGS, "embeddings"): Tensor("bag.table", Layout.PIECES),
        **dense_tensors("block_1", "bag.mixer"),
    },
    heads={
        "ner": Head(
            lambda config, x, classes: final_layer(x, classes, config.dropout),
            lambda config: dense_tensors(HEAD, "tagger"),
        )
    },
)
WIDTH, EMBEDDING = 12, 20
ROWS = 7  # of the table that no piece has


@pytest.fixture(scope="module", autouse=True)
def registered():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TOKENIZERS, Letters.kind, LETTERS)
        patch.setitem(FAMILIES, BAG.name, BAG)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return german_and_hindi(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """A checkpoint of the family, without a head, with that tokenizer."""
    folder = tmp_path_factory.mktemp("teacher")
    letters = [chr(c) for c in (*range(33, 127), *range(0x900, 0x970), *map(ord, "äöüßÄÖÜ"))]
    (folder / "letters.json").write_text(json.dumps({"letters": letters}))
    size = len(SPECIAL) + len(letters) + ROWS
    config = {"model_type": "bag-of-letters", "sizes": [size, WIDTH, EMBEDDING]}
    (folder / "config.json").write_text(json.dumps(config))
    rng = np.random.default_rng(3)
    shapes = {
        "table": (size, EMBEDDING),
        "mixer.weight": (WIDTH, EMBEDDING),
        "mixer.bias": (WIDTH,),
    }
    tensors = {name: rng.normal(0, 0.3, s).astype(np.float32) for name, s in shapes.items()}
    safetensors.numpy.save_file(tensors, folder / "model.safetensors")
    return str(folder)


@pytest.fixture(scope="module")
def finished(data, teacher, tmp_path_factory):
    """A finished run with that teacher: its folder and its results."""
    out = tmp_path_factory.mktemp("run") / "out"
    changes = {"teacher": teacher, "strategy": "D2", "logit_epochs": (1,), "teacher_epochs": 1}
    return str(out), execute(small(data, out, export=False, **changes))


def test_padding_is_row_0_of_the_table_and_the_rest_of_it_stays(teacher, tmp_path):
    checkpoint = open_checkpoint(TeacherConfig(teacher=teacher), "ner", "")
    assert (checkpoint.family, checkpoint.labels) == (BAG, None)
    assert checkpoint.tokenizer == open_tokenizer(teacher)
    labels = LabelSet(("O", "B-X"), "ner")
    model = load_teacher(checkpoint, labels)
    stored = safetensors.numpy.load_file(f"{teacher}/model.safetensors")
    swapped = [1, 0, *range(2, len(stored["table"]))]
    np.testing.assert_array_equal(word_table(model), stored["table"][swapped])
    names = save_teacher(str(tmp_path), model, checkpoint, labels)
    assert set(names) == {"model.safetensors", "config.json", "letters.json"}
    saved = safetensors.numpy.load_file(tmp_path / "model.safetensors")
    for name, values in stored.items():
        np.testing.assert_array_equal(saved[f"bag.{name}"], values)
    again = open_checkpoint(TeacherConfig(teacher=str(tmp_path)), "ner", "")
    assert (again.config, again.labels) == (checkpoint.config, labels)


def test_a_whole_run_with_both(finished, data, teacher):
    out, results = finished
    assert len(results["steps"]) == 1
    student = StudentFolder.load(f"{out}/student")
    assert student.shape.teacher_width == WIDTH
    assert student.codec.tokenizer == open_tokenizer(teacher)
    by_keras, by_onnx = (xtremedistil.load(out, b).tag(TEXTS) for b in ("keras", "onnx"))
    assert by_keras[1].words == ["मुंबई", "☃", "2020"]
    for one, other in zip(by_keras, by_onnx, strict=True):
        assert one.tags == other.tags
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)


def test_an_onnx_export_of_its_student(finished, tmp_path):
    lines = ["Anna/B-PER reist/O nach/O Köln/B-LOC", "मुंबई/B-LOC ☃/O"]
    pairs = [[pair.split("/") for pair in line.split()] for line in lines]
    text = "".join("".join(f"{w} {t}\n" for w, t in words) + "\n" for words in pairs)
    (tmp_path / "two.tsv").write_text(text, "utf-8")
    options = (f"{finished[0]}/student", f"{tmp_path}/onnx", "onnx")
    report = export(ExportOptions(*options, data=f"{tmp_path}/two.tsv"))
    assert report["max_logit_difference"] < 1e-4
    loaded, student = xtremedistil.load(f"{tmp_path}/onnx"), xtremedistil.load(finished[0])
    assert [t.tags for t in loaded.tag(TEXTS)] == [t.tags for t in student.tag(TEXTS)]
    meaning = files.read_json(f"{tmp_path}/onnx/card.json")["inputs"]["ids"]["meaning"]
    assert "(0 and 1 having changed places), from <s> to </s>" in meaning


def test_without_a_graph_the_saved_model_reads_ids(finished, tmp_path, caplog):
    folder = str(tmp_path / "saved_model")
    found = export(ExportOptions(f"{finished[0]}/student", folder))
    assert found["max_logit_difference"] < 1e-5
    assert "tokenizers of kind letters do: the SavedModel reads ids" in caplog.text
    card = files.read_json(f"{folder}/card.json")
    assert (set(card["inputs"]), set(card["outputs"])) == ({"ids"}, {"logits"})
    assert answer_texts(folder, TEXTS) is None
    student = xtremedistil.load(finished[0], "keras")
    ids = student.codec.rows[next(student.codec.tokenizer.encode([TEXTS[0].split()])).ids][None]
    answer = tf.saved_model.load(folder)
    served = answer.signatures["serving_default"](tf.constant(ids))["logits"]
    np.testing.assert_allclose(served, student.network(ids, np.array(ids.shape[1:])), atol=1e-5)


def test_with_a_graph_the_saved_model_answers_alike(finished, monkeypatch, tmp_path):
    monkeypatch.setitem(GRAPH_TOKENIZERS, Letters.kind, GraphLetters)
    codec = StudentFolder.load(f"{finished[0]}/student").codec
    graph = graph_tokenizer(codec.tokenizer)
    ids, first = graph.sentences(graph.pieces(graph.words(tf.constant(TEXTS), raw=False).words))
    expected = list(codec.tokenizer.encode(text.split() for text in TEXTS))
    assert ids.to_list() == [pieces.ids.tolist() for pieces in expected]
    assert first.to_list() == [pieces.first.tolist() for pieces in expected]
    export_saved_model(f"{finished[0]}/student", str(tmp_path / "saved_model"))
    tagged = xtremedistil.load(finished[0], "keras").tag(TEXTS, pretokenized=True)
    pairs = [[list(pair) for pair in zip(t.words, t.tags, strict=True)] for t in tagged]
    assert answer_texts(str(tmp_path / "saved_model"), TEXTS) == pairs


def test_a_student_whose_tokenizer_is_not_known(finished, monkeypatch):
    monkeypatch.delitem(TOKENIZERS, Letters.kind)
    message = "reads tokenizers of kind wordpiece, unigram, bpe. Received: tokenizer='letters'"
    with pytest.raises(ArtifactError, match=message):
        StudentFolder.load(f"{finished[0]}/student")


def test_a_teacher_whose_family_is_not_known(teacher, monkeypatch):
    monkeypatch.delitem(FAMILIES, BAG.name)
    with pytest.raises(CheckpointError, match=r"must be one of .*bert.*'bag-of-letters'"):
        open_checkpoint(TeacherConfig(teacher=teacher), "ner", "")
