"""Labeled files to encoded sentences on disk: D_l, the development set and the test set.

Every line of every file is read and checked before any model is built. D_l is the training split,
or a sample of it (`--labeled_per_language`). Where that would leave no unlabeled sentence to hold
out of the transfer set, D_l goes without a slice.
"""

import array
import collections
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import safetensors.numpy
from absl import logging

from xtremedistil.config import DataConfig
from xtremedistil.data.formats import Example
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.sampling import held_out_size, rng_of, sample, sentence_hash
from xtremedistil.data.schemes import BEGIN, IOB2
from xtremedistil.data.sources import Reader, Scan, Source, checksums, reads_raw_text
from xtremedistil.data.tag_schemes import is_prefixed
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import DataError, listed
from xtremedistil.runtime.progress import progress
from xtremedistil.tokenization.base import Tokenizer

CHOSEN = "chosen.safetensors"
WITHHELD = "withheld"  # in that file: training sentences whose labels validate
_MOST_DEV = 1000  # of a language without a development file


def labeled_contents(
    sources: dict[str, list[Source]],
    tokenizer: Tokenizer,
    labels: LabelSet | None,
    held_out: int,
) -> dict[str, object]:
    """What the encoded labeled data is made from, beside the options: file contents, tokenization,
    a ready teacher's labels, and what D_l may have to leave to the held-out slice of the transfer
    set."""
    return {
        **{f"{split} files": checksums(sources[split]) for split in ("train", "dev", "test")},
        "tokenization": tokenizer.fingerprint,
        "labels of the teacher": list(labels.names) if labels else None,
        # parts made before there were others stay what they are
        **({"scheme": labels.scheme.name} if labels and labels.scheme is not IOB2 else {}),
        "transfer_validation": None if sources["transfer"] else held_out,
    }


def prepare_labeled(
    config: DataConfig,
    sources: dict[str, list[Source]],
    tokenizer: Tokenizer,
    labels: LabelSet | None,
    held_out: int,
    folder: str,
) -> tuple[dict[str, object], tuple[str, ...]]:
    """Reads, checks, samples and encodes the labeled data.

    Args:
        config: what to read.
        sources: of `find_sources`.
        tokenizer: the teacher's tokenization.
        labels: a ready teacher's classes, or None to take them from the training data.
        held_out: transfer sentences to validate on, at the most.
        folder: gets `train`, `dev`, `test.safetensors` and `chosen.safetensors`, the row numbers of
            each in its files.

    Returns:
        What is known of the data (languages, labels, counts), and the names of the files.

    Raises:
        DataError: anything in the data is not as it must be.
    """
    reader = Reader(config)
    scans = {
        split: reader.scan(split, sources[split])
        for split in ("train", "dev", "test")
        if sources[split]
    }
    origin, chosen = _choose(config, scans)
    if not sources["transfer"]:
        chosen["train"] = _sparing(scans["train"], chosen, origin, held_out, config)
    if labels is None:
        labels = _labels(config, scans)
    elif config.task == "classification":
        labels = labels.named_after(scans["train"].labels, config.data_dir)
    languages = sorted({name for scan in scans.values() for name in scan.languages})
    per_language = {}
    for split, rows in chosen.items():
        examples = reader.examples(sources[origin[split]], rows)
        shown = progress(f"encoding {split}", len(rows), "sentences", iterable=examples)
        encoded = encode_labeled(shown, tokenizer, labels, languages)
        encoded.save(os.path.join(folder, f"{split}.safetensors"))
        number = np.bincount(encoded.sentences["language"], minlength=len(languages))
        per_language[split] = dict(zip(languages, number.tolist(), strict=True))
    withheld = chosen["dev"] if origin["dev"] == "train" else np.zeros(0, np.int64)
    numbers = safetensors.numpy.save({**chosen, WITHHELD: withheld})
    files.write_bytes(os.path.join(folder, CHOSEN), numbers)
    summary = {
        "languages": languages,
        "labels": list(labels.names),
        "repaired_tags": sum(scan.repaired for scan in scans.values()),
        "splits_from": origin,
        "sentences_per_language": per_language,
    }
    return summary, tuple(f"{name}.safetensors" for name in (*chosen, "chosen"))


def _labels(config: DataConfig, scans: dict[str, Scan]) -> LabelSet:
    """The labels of all splits. One that training never shows is a class too, so that it counts as
    missed and not as right."""
    every = {name for scan in scans.values() for name in scan.labels}
    trained = set(scans["train"].labels)
    if config.task == "classification" and "O" in trained and all(map(is_prefixed, trained)):
        raise DataError(
            f"{config.data_dir}: the classes of the training texts are tags of words: give "
            f"--task=ner. Received: {listed(sorted(trained))}"
        )
    unseen = sorted(every - trained)
    if config.task == "ner":
        types = {tag[2:] for tag in trained}
        unseen = sorted({tag[2:] for tag in unseen} - types)
    if unseen:
        logging.warning(
            "%s: no training sentence has %s, so that nothing is learned of it and all of it in "
            "dev and test files counts as missed",
            config.data_dir,
            listed(unseen),
        )
    return LabelSet.from_data(every, config.task)


def split_examples(
    config: DataConfig,
    sources: dict[str, list[Source]],
    summary: dict[str, Any],
    folder: str,
    split: str,
) -> list[Example]:
    """The examples behind the encoded rows of a split, in their order.

    Args:
        config, sources: as `prepare_labeled`, or `prepare_unlabeled`, had them.
        summary: what it returned.
        folder: what it wrote.
        split: one of its splits.
    """
    chosen = safetensors.numpy.load(files.read_bytes(os.path.join(folder, CHOSEN)))
    reader = Reader(config, reads_raw_text(config, sources))
    return list(reader.examples(sources[summary["splits_from"][split]], chosen[split]))


def _choose(
    config: DataConfig, scans: dict[str, Scan]
) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Which file split feeds train, dev and test, and which of its sentences.

    Without a test split, the dev split is what is scored; without a dev split to validate on, a
    tenth of the training sentences of each language (one at the least, 1,000 at the most) is, and
    nothing is learned from them.
    """
    origin = {"train": "train", "dev": "dev", "test": "test"}
    if "test" not in scans:
        if "dev" not in scans:
            raise DataError(
                f"{config.data_dir}: a dev or a test file is needed to score on. Received: only "
                "training files"
            )
        origin["test"], origin["dev"] = "dev", "train"
    elif "dev" not in scans:
        origin["dev"] = "train"
    train = np.arange(len(scans["train"]))
    chosen = {}
    if origin["dev"] == "train":
        sizes = np.bincount(scans["train"].language_of)
        tenths = np.where(sizes > 1, np.clip(sizes // 10, 1, _MOST_DEV), 0)
        number = config.dev_per_language or tenths
        chosen["dev"] = sample(scans["train"], number, rng_of(config, "dev"), train)
        train = np.setdiff1d(train, chosen["dev"])
    else:
        among = np.arange(len(scans["dev"]))
        chosen["dev"] = sample(scans["dev"], config.dev_per_language, rng_of(config, "dev"), among)
    chosen["train"] = sample(
        scans["train"], config.labeled_per_language, rng_of(config, "train"), train
    )
    test = scans[origin["test"]]
    chosen["test"] = sample(
        test, config.test_per_language, rng_of(config, "test"), np.arange(len(test))
    )
    if not len(chosen["train"]):
        raise DataError(f"{config.data_dir}: no labeled sentence is left to train on.")
    return origin, chosen


def _sparing(
    scan: Scan,
    chosen: dict[str, np.ndarray],
    origin: dict[str, str],
    held_out: int,
    config: DataConfig,
) -> np.ndarray:
    """D_l less as many sentences as the transfer set's held-out slice lacks, where training
    sentences are all the text there is; each language keeps one."""
    labeled = chosen["train"]
    usable = len(scan) - (len(chosen["dev"]) if origin["dev"] == "train" else 0)
    lacking = held_out_size(held_out, usable) - (usable - len(labeled))
    if lacking <= 0:
        return labeled
    _, kept = np.unique(scan.language_of[labeled], return_index=True)
    others = rng_of(config, "spared").permutation(np.delete(np.arange(len(labeled)), kept))
    return np.delete(labeled, others[:lacking])


def encode_labeled(
    examples: Iterable[Example],
    tokenizer: Tokenizer,
    labels: LabelSet | None,
    languages: list[str],
) -> Ragged:
    """Labeled examples as pieces, word starts and classes.

    Args:
        examples: tagged sentences, or texts with a class.
        tokenizer: the tokenization.
        labels: the classes; None for unlabeled text, which gets no `labels`.
        languages: names to number.

    Returns:
        A `Ragged` with `ids` int32, `first` int8 (1 at a word's first piece) and, for NER, `labels`
        int16 (IGNORED where no class applies) per piece; `language` int16, `hash` uint64 and, for
        classification, `labels` per sentence. Where classes cannot tell neighbours of one type
        apart, also `begins` int8 per piece: 1 where an entity begins.

    Raises:
        DataError: a label that `labels` does not hold.
    """
    keeps_beginnings = labels is not None and labels.joins_neighbours
    of_pieces = {"ids": array.array("i"), "first": array.array("b")}
    of_texts = {"language": array.array("h"), "hash": array.array("Q")}
    if labels is not None:
        (of_pieces if labels.task == "ner" else of_texts)["labels"] = array.array("h")
    if keeps_beginnings:
        of_pieces["begins"] = array.array("b")
    lengths = array.array("q", [0])
    waiting: collections.deque[Example] = collections.deque()  # for their pieces: a batch at most

    def words() -> Iterator[list[str]]:
        for example in examples:
            waiting.append(example)
            yield example.words

    for pieces in tokenizer.encode(words()):
        example, size, first = waiting.popleft(), len(pieces.ids), pieces.first
        lengths.append(size)
        of_pieces["ids"].frombytes(pieces.ids.tobytes())
        of_pieces["first"].frombytes(_at(first, 1, size).tobytes())
        of_texts["language"].append(languages.index(example.language))
        of_texts["hash"].append(sentence_hash(example.words))
        if labels is None:
            continue
        own = labels.encode(example.tags, lambda i, e=example: f"{e.path}:{e.line_of(i)}")
        if labels.task != "ner":
            of_texts["labels"].append(own[0])
            continue
        of_pieces["labels"].frombytes(labels.of_pieces(size, first, own).tobytes())
        if keeps_beginnings:
            begins = [IOB2.part(tag).role == BEGIN for tag in example.tags]
            of_pieces["begins"].frombytes(_at(first, begins, size).tobytes())
    pieces, texts = (
        {name: np.array(values, values.typecode) for name, values in arrays.items()}
        for arrays in (of_pieces, of_texts)
    )
    return Ragged(np.cumsum(np.array(lengths, np.int64)), pieces, texts)


def _at(places: np.ndarray, values: Sequence[bool] | int, size: int) -> np.ndarray:
    """`(size,)` int8: `values` at some places, zero elsewhere."""
    out = np.zeros(size, np.int8)
    out[places] = values
    return out
