"""Predictions and scores of a model on encoded sentences: the same code for teacher and student.

The student reads sentences whole, as it is served. A model with a position limit, the teacher,
reads a longer sentence in windows that overlap by half, and each piece is taken from the window
where it stands farthest from an edge. With a limit of `--max_seq_length` on scoring too (the
paper's setting), words cut off count as O.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from xtremedistil.data.batches import FEW_SHAPES, ordered_batches
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.schemes import BEGIN, BIOES, OUTSIDE
from xtremedistil.data.windows import windows
from xtremedistil.scoring import metrics
from xtremedistil.scoring.metrics import Truth

# (batch, length) int32 full-vocabulary ids, padded with zeros, and their mask -> logits.
Forward = Callable[[np.ndarray, np.ndarray], np.ndarray]
# Told how many more sentences have been read.
Advance = Callable[[int], object]
BATCH_PIECES = 8192
_SENTENCES_AT_ONCE = 16384


def forward_of(
    model: keras.Model, output: str | tuple[str, ...], rows: np.ndarray | None = None
) -> Forward:
    """A forward pass on ids of the full vocabulary.

    Args:
        model: a teacher or a student, from ids to a dict of outputs.
        output: the output to give, or several, to be given in a dict.
        rows: `(full vocabulary,)`: the student's row of each piece; None for a teacher.
    """

    def outputs(ids: tf.Tensor) -> Any:
        found = model(ids, training=False)
        return found[output] if isinstance(output, str) else {name: found[name] for name in output}

    run = tf.function(outputs, input_signature=[tf.TensorSpec([None, None], tf.int32)])

    def forward(ids: np.ndarray, mask: np.ndarray) -> Any:
        return tf.nest.map_structure(
            np.asarray,
            run(ids if rows is None else np.where(mask > 0, rows[ids], 0).astype(np.int32)),
        )

    return forward


def _untold(number: int) -> None:
    """An `Advance` for nobody."""


def predict_classes(
    forward: Forward,
    rows: Ragged,
    labels: LabelSet,
    limit: int | None = None,
    advance: Advance = _untold,
) -> np.ndarray:
    """The class of each word, at its first piece (NER), or of each text.

    Args:
        forward: the model.
        rows: encoded sentences with `ids`, and `first` of words.
        labels: decodes; a marker is never chosen.
        limit: pieces that the model can read at once, or None.
        advance: told of sentences, by the batch.

    Returns:
        int32 classes, `(total pieces,)`, where later pieces have O, or `(texts,)`.
    """
    if labels.task == "classification":
        seen = rows if limit is None else rows.truncate(limit)
        logits = _forward_all(forward, seen, labels, advance)
        return labels.decode(logits, np.arange(len(rows) + 1))
    out = np.full(rows.offsets[-1], labels.names.index(OUTSIDE), np.int32)
    for start in range(0, len(rows), _SENTENCES_AT_ONCE):  # so that logits take little memory
        some = rows.take(np.arange(start, min(len(rows), start + _SENTENCES_AT_ONCE)))
        places = _first_pieces(some)
        if limit is None or some.lengths.max(initial=0) <= limit:
            logits = _forward_all(forward, some, labels, advance)[places]
        else:
            parts, taken_from, position = windows(some, limit)
            where = parts.offsets[taken_from[places]] + position[places]
            logits = _forward_all(forward, parts, labels, _untold)[where]
            advance(len(some))
        out[rows.offsets[start] + places] = labels.decode(logits, _word_offsets(some))
    return out


def _forward_all(forward: Forward, rows: Ragged, labels: LabelSet, advance: Advance) -> np.ndarray:
    """Logits, `(total pieces, classes)` or `(texts, classes)`."""
    rows = Ragged(rows.offsets, {"ids": rows.pieces["ids"]}, {})
    per_piece = labels.task == "ner"
    out = np.zeros((rows.offsets[-1] if per_piece else len(rows), len(labels)), np.float32)
    for chosen, batch in ordered_batches(rows, BATCH_PIECES, multiple=FEW_SHAPES):
        logits = np.asarray(forward(batch["ids"], batch["mask"]))
        if per_piece:
            real = batch["mask"] > 0
            where = rows.offsets[chosen][:, None] + np.arange(real.shape[1])
            out[where[real]] = logits[real]
        else:
            out[chosen] = logits
        advance(len(chosen))
    return out


def word_tags(classes: np.ndarray, rows: Ragged, labels: LabelSet) -> list[list[str]]:
    """Tags of words, from the classes of pieces.

    Args:
        classes: `(total pieces,)`.
        rows: sentences with `first`.
        labels: names the classes.
    """
    names = np.array(labels.names, object)[classes[_first_pieces(rows)]]
    return [part.tolist() for part in np.split(names, _word_offsets(rows)[1:-1])]


def _first_pieces(rows: Ragged) -> np.ndarray:
    """`(words,)` places of the words' first pieces among all pieces."""
    return np.flatnonzero(rows.pieces["first"])


def _word_offsets(rows: Ragged) -> np.ndarray:
    """`(sentences + 1,)`: where the words of each sentence begin, and those of the last end."""
    return np.searchsorted(_first_pieces(rows), rows.offsets)


@dataclass(frozen=True)
class Prediction:
    """What a model predicts for some sentences.

    Attributes:
        classes: int32, `(total pieces,)` or `(texts,)`.
        words_cut_off: words that it never saw, which count as O.
    """

    classes: np.ndarray
    words_cut_off: int = 0


def predict(
    forward: Forward,
    rows: Ragged,
    labels: LabelSet,
    limit: int | None = None,
    cut: int | None = None,
    advance: Advance = _untold,
) -> Prediction:
    """Predicts, perhaps within the paper's limit on length.

    Args:
        forward: the model.
        rows: sentences with `ids` and `first`.
        labels: the classes.
        limit: as in `predict_classes`.
        cut: read only so many pieces of each sentence; words beyond count as O.
        advance: as in `predict_classes`.
    """
    if cut is None or labels.task == "classification":
        seen = rows if cut is None else rows.truncate(cut)
        return Prediction(predict_classes(forward, seen, labels, limit, advance))
    place = np.arange(rows.offsets[-1]) - np.repeat(rows.offsets[:-1], rows.lengths)
    beyond = (place >= cut - 1) & (np.repeat(rows.lengths, rows.lengths) > cut)
    classes = np.full(rows.offsets[-1], labels.names.index("O"), np.int32)
    short = rows.truncate(cut)
    found = predict_classes(forward, short, labels, limit, advance)
    last = np.zeros(len(found), bool)
    last[short.offsets[1:] - 1] = short.lengths < rows.lengths  # the [SEP] that was moved up
    classes[~beyond] = found[~last]
    return Prediction(classes, int((beyond & (rows.pieces["first"] > 0)).sum()))


def score(
    prediction: Prediction,
    rows: Ragged,
    labels: LabelSet,
    languages: Sequence[str],
    details: bool = True,
) -> tuple[dict[str, Any], np.ndarray]:
    """Scores a prediction.

    Args:
        prediction: of `predict`, for these rows.
        rows: labeled sentences with `first`, `labels`, `language`, and `begins` if they have it.
        labels: the classes.
        languages: names of `language`.
        details: as in `metrics.score`.

    Returns:
        The scores of `metrics.score`, with `words_cut_off` for NER; and the counts per sentence.
    """
    language = rows.sentences["language"]
    if labels.task == "classification":
        true, offsets = rows.sentences["labels"], np.arange(len(rows) + 1)
        truth = Truth(labels.task, labels.names, true, offsets, language, languages)
        return metrics.score(truth, prediction.classes, details)
    places = _first_pieces(rows)
    names, true = _true_tags(rows, places, labels)
    offsets = _word_offsets(rows)
    truth = Truth(labels.task, names, true, offsets, language, languages, labels.scheme)
    scores, counts = metrics.score(truth, prediction.classes[places], details)
    return scores | {"words_cut_off": prediction.words_cut_off}, counts


def _true_tags(
    rows: Ragged, places: np.ndarray, labels: LabelSet
) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of tags as BIOES spells them, those of `labels` first, and `(words,)` the true ones.
    Neighbours that the classes would join stay apart, since the data knows where they begin."""
    names, true = labels.canonical_names, rows.pieces["labels"][places]
    if "begins" not in rows.pieces:
        return names, true
    beginnings = tuple(BIOES.tag(BEGIN, BIOES.part(name).type) for name in names)
    return names + beginnings, true + len(names) * (rows.pieces["begins"][places] > 0)
