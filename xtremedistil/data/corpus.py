"""Labeled and unlabeled files to encoded sentences on disk: the `data` part of a run.

Every line of every file is read and checked before any model is built. D_l is the training split, or a sample of it
(`--labeled_per_language`); the transfer set D_u is all training sentences without their labels, and the transfer files.
Transfer sentences are shuffled once, on disk, into shards; the first of them are held out to validate on. Memory grows
by a few bytes a transfer sentence, not with its text.
"""

import array
import dataclasses
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import safetensors.numpy

from xtremedistil import artifacts
from xtremedistil.config import DataConfig
from xtremedistil.data.examples import Example, Rules, detect_format, read_examples
from xtremedistil.data.labels import CLS, CONTINUATION, IGNORED, SEP, LabelSet
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.tokenization import Pieces, WordPiece
from xtremedistil.errors import DataError
from xtremedistil.progress import progress

SPLIT_NAMES = {
    "train": ("train",),
    "dev": ("dev", "valid", "validation", "val"),
    "test": ("test",),
    "transfer": ("transfer", "unlabeled"),
}
SHARD_SENTENCES = 2048
VALIDATION = "validation.safetensors"


@dataclass(frozen=True)
class Source:
    """One data file: its path, the language that its folder names, and its format."""

    path: str
    language: str
    file_format: str


@dataclass
class Scan:
    """What the first reading of some sources found.

    Attributes:
        language_of: `(n,)` int16: index into `languages` of each sentence.
        label_of: `(n,)` int32: index into `labels` of each text (classification), zeros otherwise.
        languages, labels: names; `labels` are classes or tags.
        repaired: orphan I- tags.
    """

    language_of: np.ndarray
    label_of: np.ndarray
    languages: list[str]
    labels: list[str]
    repaired: int

    def __len__(self) -> int:
        return len(self.language_of)


def find_sources(config: DataConfig) -> dict[str, list[Source]]:
    """The files of a data folder, by split.

    Args:
        config: `data_dir` is a folder of train, dev, test and transfer files, or of one such folder per language.

    Returns:
        `train`, `dev`, `test` and `transfer`, each a list; only `train` is never empty.

    Raises:
        DataError: a folder or file is missing, two files claim one split, or there is no training file.
    """
    if not artifacts.is_folder(config.data_dir):
        raise DataError(f"--data_dir must be a folder. Received: data_dir={config.data_dir!r}")
    sources = {split: [] for split in SPLIT_NAMES}
    _collect(config.data_dir, "", config, sources)
    for name in artifacts.list_folder(config.data_dir):
        folder = os.path.join(config.data_dir, name)
        if not name.startswith(".") and artifacts.is_folder(folder):
            _collect(folder, name, config, sources)
    if not sources["train"]:
        received = ", ".join(artifacts.list_folder(config.data_dir)[:20]) or "an empty folder"
        raise DataError(
            f"{config.data_dir}: no training file. A data folder holds train, dev and test files (train.tsv, "
            f"train.txt, train.conll, .gz or .xz), or one folder of them per language. Received: {received}"
        )
    for path in filter(None, config.transfer_file):
        file_format = detect_format(path, config.task, unlabeled=True)
        sources["transfer"].append(Source(path, "", file_format))
    return sources


def _collect(
    folder: str, language: str, config: DataConfig, sources: dict[str, list[Source]]
) -> None:
    names = [
        n for n in artifacts.list_folder(folder) if not artifacts.is_folder(os.path.join(folder, n))
    ]
    for split, stems in SPLIT_NAMES.items():
        found = [name for name in names if name.split(".")[0] in stems]
        if len(found) > 1:
            raise DataError(f"{folder}: one {split} file is wanted. Received: {', '.join(found)}")
        for name in found:
            path = os.path.join(folder, name)
            if split == "transfer":
                file_format = detect_format(path, config.task, unlabeled=True)
            elif config.data_format == "auto":
                file_format = detect_format(path, config.task)
            else:
                file_format = config.data_format
            sources[split].append(Source(path, language, file_format))


def _checksums(sources: Iterable[Source]) -> dict[str, str]:
    return {
        f"{s.language or '.'}/{os.path.basename(s.path)}": artifacts.checksum(s.path)
        for s in sources
    }


def labeled_inputs(
    config: DataConfig, sources: dict[str, list[Source]], rules: WordPiece, labels: LabelSet | None
) -> dict[str, object]:
    """What the encoded labeled data depends on: file contents, sampling, tokenization, and a ready teacher's labels."""
    settings = dataclasses.asdict(config)
    names = ("task", "data_format", "repair_iob2", "max_words", "data_seed")
    sizes = ("labeled_per_language", "dev_per_language", "test_per_language")
    return {
        **{name: settings[name] for name in (*names, *sizes)},
        **{f"{split} files": _checksums(sources[split]) for split in ("train", "dev", "test")},
        "tokenization": rules.fingerprint,
        "labels of the teacher": list(labels.names) if labels else None,
    }


def transfer_inputs(
    config: DataConfig, sources: dict[str, list[Source]], labeled: str, held_out: int
) -> dict[str, object]:
    """What the encoded transfer set depends on; `labeled` stands for the labeled data."""
    return {
        "labeled data": labeled,
        "transfer files": _checksums(sources["transfer"]),
        "transfer_per_language": config.transfer_per_language,
        "transfer_validation": held_out,
    }


class _Reader:
    """Streams sources with one set of rules."""

    def __init__(self, config: DataConfig):
        self.task = config.task
        self.rules = Rules(config.repair_iob2, config.max_words)

    def examples(self, sources: Iterable[Source]) -> Iterator[Example]:
        for source in sources:
            count = 0
            for example in read_examples(
                source.path, source.file_format, source.language, self.rules
            ):
                count += 1
                yield example
            if not count:
                raise DataError(f"{source.path}: the file holds no sentence.")

    def scan(self, split: str, sources: list[Source]) -> Scan:
        languages, labels = {}, {}
        language_of, label_of = (
            array.array("h"),
            array.array("i"),
        )  # millions of them: not lists of objects
        repaired = 0
        for example in progress(
            f"reading {split}", None, "sentences", iterable=self.examples(sources)
        ):
            language_of.append(languages.setdefault(example.language, len(languages)))
            repaired += example.repaired
            names = example.tags or ()
            ids = [labels.setdefault(name, len(labels)) for name in names]
            label_of.append(ids[0] if ids and self.task == "classification" else 0)
        return Scan(
            np.array(language_of, np.int16),
            np.array(label_of, np.int32),
            list(languages),
            list(labels),
            repaired,
        )


def _sample(
    scan: Scan, per_language: int, rng: np.random.Generator, among: np.ndarray
) -> np.ndarray:
    """Sorted indices of `among`: `per_language` (0: all) of each language, spread evenly over its classes."""
    if not per_language:
        return among
    chosen = []
    for language in range(len(scan.languages)):
        rows = among[scan.language_of[among] == language]
        groups = [rows[scan.label_of[rows] == label] for label in np.unique(scan.label_of[rows])]
        for i, group in enumerate(groups):
            share = per_language // len(groups) + (i < per_language % len(groups))
            chosen.append(rng.permutation(group)[:share])
    return np.sort(np.concatenate(chosen)) if chosen else among[:0]


def encode_labeled(
    examples: Iterable[Example], rules: WordPiece, labels: LabelSet, languages: list[str]
) -> Ragged:
    """Labeled examples as pieces, word starts and classes.

    Args:
        examples: tagged sentences, or texts with a class.
        rules: the tokenization.
        labels: the classes.
        languages: names to number.

    Returns:
        A `Ragged` with `ids` int32, `first` int8 (1 at a word's first piece) and, for NER, `labels` int16 (IGNORED
        where no class applies) per piece; `language` int16, `hash` uint64 and, for classification, `labels` per sentence.

    Raises:
        DataError: a label that `labels` does not hold.
    """
    kept, texts = [], []

    def words() -> Iterator[list[str]]:
        for example in examples:
            kept.append(
                (languages.index(example.language), labels.encode(example.tags, example.where))
            )
            texts.append(sentence_hash(example.words))
            yield example.words

    ids, first, classes = [], [], []
    for row, pieces in enumerate(rules.encode(words())):
        ids.append(pieces.ids)
        starts = np.zeros(len(pieces.ids), np.int8)
        starts[pieces.first] = 1
        first.append(starts)
        classes.append(
            _piece_labels(pieces, kept[row][1], labels) if labels.task == "ner" else kept[row][1][0]
        )
    pieces = {"ids": ids, "first": first}
    sentences = {
        "language": np.array([language for language, _ in kept], np.int16),
        "hash": np.array(texts, np.uint64),
    }
    if labels.task == "ner":
        pieces["labels"] = classes
    else:
        sentences["labels"] = np.array(classes, np.int16)
    return Ragged.from_lists(pieces, sentences)


def _piece_labels(pieces: Pieces, tags: list[int], labels: LabelSet) -> np.ndarray:
    out = np.full(len(pieces.ids), labels.marker(CONTINUATION), np.int16)
    out[pieces.first] = tags
    out[0], out[-1] = labels.marker(CLS), labels.marker(SEP)
    return out


def sentence_hash(words: list[str]) -> int:
    """64 bits that stand for a sentence, to tell whether two data sets share it."""
    digest = hashlib.blake2b("\n".join(words).encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "little")


def prepare_labeled(
    config: DataConfig,
    sources: dict[str, list[Source]],
    rules: WordPiece,
    labels: LabelSet | None,
    folder: str,
) -> tuple[dict[str, object], tuple[str, ...]]:
    """Reads, checks, samples and encodes the labeled data.

    Args:
        config: what to read.
        sources: of `find_sources`.
        rules: the teacher's tokenization.
        labels: a ready teacher's classes, or None to take them from the training data.
        folder: gets `train`, `dev`, `test.safetensors` and `chosen.safetensors`, the row numbers of D_l.

    Returns:
        What is known of the data (languages, labels, counts), and the names of the files.

    Raises:
        DataError: anything in the data is not as it must be.
    """
    reader = _Reader(config)
    scans = {
        split: reader.scan(split, sources[split])
        for split in ("train", "dev", "test")
        if sources[split]
    }
    origin, chosen = _choose(config, scans)
    if labels is None:
        labels = LabelSet.from_data(scans["train"].labels, config.task)
    languages = sorted({name for scan in scans.values() for name in scan.languages})
    per_language = {}
    for split, rows in chosen.items():
        wanted = np.zeros(len(scans[origin[split]]), bool)
        wanted[rows] = True
        examples = (
            e for e, w in zip(reader.examples(sources[origin[split]]), wanted, strict=True) if w
        )
        encoded = encode_labeled(examples, rules, labels, languages)
        encoded.save(os.path.join(folder, f"{split}.safetensors"))
        number = np.bincount(encoded.sentences["language"], minlength=len(languages))
        per_language[split] = dict(zip(languages, number.tolist(), strict=True))
    rows = safetensors.numpy.save({"train": chosen["train"]})
    artifacts.write_bytes(os.path.join(folder, "chosen.safetensors"), rows)
    summary = {
        "languages": languages,
        "labels": list(labels.names),
        "repaired_tags": sum(scan.repaired for scan in scans.values()),
        "splits_from": origin,
        "sentences_per_language": per_language,
    }
    return summary, tuple(f"{name}.safetensors" for name in (*chosen, "chosen"))


def prepare_transfer(
    config: DataConfig,
    sources: dict[str, list[Source]],
    rules: WordPiece,
    labeled: str,
    held_out: int,
    folder: str,
) -> tuple[dict[str, object], tuple[str, ...]]:
    """Reads, checks, samples, encodes and shuffles the transfer set.

    Args:
        config, sources, rules: as in `prepare_labeled`.
        labeled: folder of the labeled data.
        held_out: sentences to validate on, at the most.
        folder: gets `validation.safetensors`, `00000.safetensors` and on, and `pieces.safetensors`: how often each piece
            occurs in D_l and D_u.

    Returns:
        Counts and the list of shards; and the names of the files.

    Raises:
        DataError: a line is not as it must be, or there are too few sentences.
    """
    reader = _Reader(config)
    chosen = safetensors.numpy.load(
        artifacts.read_bytes(os.path.join(labeled, "chosen.safetensors"))
    )["train"]
    train, unlabeled = (reader.scan(split, sources[split]) for split in ("train", "transfer"))
    wanted = _transfer_rows(config, train, unlabeled, chosen)
    examples = reader.examples([*sources["train"], *sources["transfer"]])
    summary, counts = _encode_transfer(
        examples, wanted, rules, _rng(config, "order"), held_out, folder
    )
    usage = os.path.join(folder, "pieces.safetensors")
    artifacts.write_bytes(usage, safetensors.numpy.save({"counts": counts}))
    return summary, ("pieces.safetensors", VALIDATION)


def _rng(config: DataConfig, what: str) -> np.random.Generator:
    """A stream of its own for each sampling, so that changing one sample leaves the others as they are."""
    return np.random.default_rng([config.data_seed, *what.encode("ascii")])


def _choose(
    config: DataConfig, scans: dict[str, Scan]
) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Which file split feeds train, dev and test, and which of its sentences.

    Without a test split, the dev split is what is scored; without a dev split to validate on, a tenth of the training
    sentences of each language (at most 1,000) is, and their labels teach nothing.
    """
    origin = {"train": "train", "dev": "dev", "test": "test"}
    if "test" not in scans:
        if "dev" not in scans:
            raise DataError(
                f"{config.data_dir}: a dev or a test file is needed to score on. Received: only training files"
            )
        origin["test"], origin["dev"] = "dev", "train"
    elif "dev" not in scans:
        origin["dev"] = "train"
    train = np.arange(len(scans["train"]))
    chosen = {}
    if origin["dev"] == "train":
        smallest = np.bincount(scans["train"].language_of).min()
        number = config.dev_per_language or max(1, min(1000, smallest // 10))
        chosen["dev"] = _sample(scans["train"], number, _rng(config, "dev"), train)
        train = np.setdiff1d(train, chosen["dev"])
    else:
        among = np.arange(len(scans["dev"]))
        chosen["dev"] = _sample(scans["dev"], config.dev_per_language, _rng(config, "dev"), among)
    chosen["train"] = _sample(
        scans["train"], config.labeled_per_language, _rng(config, "train"), train
    )
    test = scans[origin["test"]]
    chosen["test"] = _sample(
        test, config.test_per_language, _rng(config, "test"), np.arange(len(test))
    )
    if not len(chosen["train"]):
        raise DataError(f"{config.data_dir}: no labeled sentence is left to train on.")
    return origin, chosen


def _transfer_rows(
    config: DataConfig, train: Scan, unlabeled: Scan, labeled: np.ndarray
) -> np.ndarray:
    """Flags, `(train + unlabeled,)` bool: which sentences the transfer set holds."""
    total = len(train) + len(unlabeled)
    wanted = np.ones(total, bool)
    if not config.transfer_per_language:
        return wanted
    names = sorted({*train.languages, *unlabeled.languages})
    language_of = np.concatenate(
        [
            np.array([names.index(n) for n in scan.languages], np.int16)[scan.language_of]
            for scan in (train, unlabeled)
            if len(scan)
        ]
    )
    wanted[:] = False
    wanted[labeled] = True
    rng = _rng(config, "transfer")
    for language in range(len(names)):
        rows = np.flatnonzero((language_of == language) & ~wanted)
        room = config.transfer_per_language - int(wanted[language_of == language].sum())
        wanted[rng.permutation(rows)[: max(0, room)]] = True
    return wanted


def _encode_transfer(
    examples: Iterator[Example],
    wanted: np.ndarray,
    rules: WordPiece,
    rng: np.random.Generator,
    held_out: int,
    folder: str,
) -> tuple[dict[str, object], np.ndarray]:
    """Encodes the wanted sentences and shuffles them into shards; also counts their pieces."""
    total = int(wanted.sum())
    if total < 2:
        raise DataError(f"a transfer set needs at least two sentences. Received: {total}")
    lengths, hashes = np.zeros(total, np.int64), np.zeros(total, np.uint64)
    counts = np.zeros(len(rules.vocabulary), np.int64)

    def words() -> Iterator[list[str]]:
        row = 0
        for example, keep in zip(examples, wanted, strict=True):
            if keep:
                hashes[row] = sentence_hash(example.words)
                row += 1
                yield example.words

    with tempfile.TemporaryDirectory(
        dir=None if artifacts.is_remote(folder) else folder
    ) as scratch:
        flat = os.path.join(scratch, "ids")
        with open(flat, "wb") as file:
            bar = progress(
                "encoding the transfer set", total, "sentences", iterable=rules.encode(words())
            )
            for i, pieces in enumerate(bar):
                lengths[i] = len(pieces.ids)
                file.write(pieces.ids.tobytes())
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        everything = Ragged(offsets, {"ids": np.memmap(flat, np.int32, "r")}, {"hash": hashes})
        order = rng.permutation(total)
        held_out = max(1, min(held_out, total // 10))
        parts = {VALIDATION: order[:held_out]}
        for number, start in enumerate(range(held_out, total, SHARD_SENTENCES)):
            parts[f"{number:05d}.safetensors"] = order[start : start + SHARD_SENTENCES]
        shards = []
        for name, rows in parts.items():
            shard = everything.take(rows)
            counts += np.bincount(shard.pieces["ids"], minlength=len(counts))
            shard.save(os.path.join(folder, name))
            shards.append({"name": name, "sentences": len(shard), "pieces": int(shard.offsets[-1])})
    summary = {
        "sentences": total,
        "pieces": int(lengths.sum()),
        "longest": int(lengths.max()),
        "held_out": held_out,
        "shards": shards[1:],
    }
    return summary, counts
