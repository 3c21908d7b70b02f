"""The files of a data set: which there are, and what they hold."""

import dataclasses
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from absl import logging

from xtremedistil.config import DataConfig
from xtremedistil.data.columns import Column
from xtremedistil.data.file_names import one_file, stem, transfer_paths
from xtremedistil.data.formats import (
    AUTO,
    Example,
    Rules,
    detect_format,
    holds_text,
    labeled_text,
    read_examples,
    recognise_scheme,
)
from xtremedistil.data.tag_schemes import IOB2
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import DataError, listed
from xtremedistil.runtime.progress import progress
from xtremedistil.tokenization.raw_words import find_words

SPLIT_NAMES = {
    "train": ("train",),
    "dev": ("dev", "valid", "validation", "val"),
    "test": ("test",),
    "transfer": ("transfer", "unlabeled"),
}
_NO_LANGUAGES = ("data", "default", "plain_text")  # folders of data sets on the hub
_Item = TypeVar("_Item")
MAX_LANGUAGES, MAX_LABELS = 1000, 10_000  # more are a mistake, and would not fit 16 bits


@dataclass(frozen=True)
class Source:
    """One data file: its path, the language that its folder names, and its format."""

    path: str
    language: str
    file_format: str


@dataclass(frozen=True)
class Text:
    """A text as its file has it: `words`, and whether they are `raw`, parted at white space alone
    (`raw_words` gives those that a student finds)."""

    words: list[str]
    raw: bool


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
        config: `data_dir` is a folder of train, dev, test and transfer files, or of one such folder
            per language; or empty, where `transfer_file` names all there is.

    Returns:
        `train`, `dev`, `test` and `transfer`, each a list; `train` and `transfer` are never both
        empty.

    Raises:
        DataError: a folder or file is missing, two files claim one split, files of classes have
            other columns, or there is neither a training file nor unlabeled text.
    """
    sources = {split: [] for split in SPLIT_NAMES}
    if config.data_dir:
        _collect_all(config, sources)
    for path in transfer_paths(config.transfer_file):
        sources["transfer"].append(Source(path, "", _text_format(path, config)))
    labeled = [source for split in ("train", "dev", "test") for source in sources[split]]
    labeled_text.check_alike(
        [source.path for source in labeled if source.file_format == labeled_text.NAME],
        rules_of(config),
    )
    if not (sources["train"] or sources["transfer"]):
        received = listed(files.list_folder(config.data_dir)) or "an empty folder"
        raise DataError(
            f"{config.data_dir}: no training file. A data folder holds train, dev and test files "
            "(train.tsv, train.jsonl, train.csv, train.parquet, .gz or .xz), or one folder of them "
            "per language; or transfer.txt, unlabeled text for a teacher that has a head for the "
            "task. "
            f"Received: {received}"
        )
    return sources


def sources_of_split(config: DataConfig, split: str) -> list[Source]:
    """The files of one split of a data folder, which need hold no other.

    Args:
        config: `data_dir` as in `find_sources`.
        split: of `SPLIT_NAMES`.

    Raises:
        DataError: there is no such folder, or two files claim one split.
    """
    sources = {name: [] for name in SPLIT_NAMES}
    _collect_all(config, sources)
    return sources[split]


def _collect_all(config: DataConfig, sources: dict[str, list[Source]]) -> None:
    """Adds the files of a data folder, and of its folders of one language."""
    if not files.is_folder(config.data_dir):
        raise DataError(f"--data_dir must be a folder. Received: data_dir={config.data_dir!r}")
    _collect(config.data_dir, "", config, sources)
    for name in files.list_folder(config.data_dir):
        folder = os.path.join(config.data_dir, name)
        if name.startswith(".") or not files.is_folder(folder):
            continue
        if _is_split(folder):
            _collect_split(folder, name, config, sources)
        else:
            _collect(folder, "" if name in _NO_LANGUAGES else name, config, sources)


def _text_format(path: str, config: DataConfig) -> str:
    return detect_format(path, config.task, unlabeled=True, rules=rules_of(config))


def _labeled_format(path: str, config: DataConfig) -> str:
    if config.data_format != "auto":
        return config.data_format
    return detect_format(path, config.task, rules=rules_of(config))


def rules_of(config: DataConfig) -> Rules:
    """How single files are read."""
    return Rules(**{field.name: getattr(config, field.name) for field in dataclasses.fields(Rules)})


def _collect(
    folder: str, language: str, config: DataConfig, sources: dict[str, list[Source]]
) -> None:
    names = [n for n in files.list_folder(folder) if not files.is_folder(os.path.join(folder, n))]
    for split, stems in SPLIT_NAMES.items():
        kind = _text_format if split == "transfer" else _labeled_format
        for name in one_file(folder, split, [n for n in names if stem(n) in stems]):
            path = os.path.join(folder, name)
            sources[split].append(Source(path, language, kind(path, config)))


def _is_split(folder: str) -> bool:
    """Whether a folder holds one split, as the `datasets` library saves it."""
    return files.exists(os.path.join(folder, "state.json"))


def _collect_split(folder: str, name: str, config: DataConfig, sources: dict[str, list]) -> None:
    split = next((split for split, stems in SPLIT_NAMES.items() if name in stems), None)
    kind = _text_format if split == "transfer" else _labeled_format
    for shard in files.list_folder(folder) if split else ():
        if shard.endswith(".arrow"):
            path = os.path.join(folder, shard)
            sources[split].append(Source(path, "", kind(path, config)))


def checksums(sources: Iterable[Source]) -> list[list[str]]:
    """Language and name of each file, and the SHA-256 of its content, in the order of reading,
    which the numbers of sentences follow."""
    return [
        [f"{s.language or '.'}/{os.path.basename(s.path)}", files.checksum(s.path)] for s in sources
    ]


@dataclass
class Uneven:
    """Spans of characters that words cannot hold as they are.

    Attributes:
        what: they do.
        number: of them.
        first: the place of the first one.
    """

    what: str
    number: int = 0
    first: str = ""

    def count(self, example: Example, number: int) -> None:
        """Counts those of an example."""
        self.first = self.first or (example.where if number else "")
        self.number += number

    def warn(self) -> None:
        """Says how many there are."""
        if self.number:
            logging.warning("%d spans %s; the first: %s", self.number, self.what, self.first)


def reads_raw_text(config: DataConfig, sources: dict[str, list[Source]]) -> bool:
    """Whether the words of unlabeled text are those that a student finds in raw text, and not what
    white space separates."""
    if config.transfer_text == "auto":
        return not sources["train"]
    return config.transfer_text == "raw"


class Reader:
    """Streams sources with one set of rules.

    Raises:
        DataError: a line breaks a rule of its format, or a file holds no sentence.
    """

    def __init__(self, config: DataConfig, raw_text: bool = False):
        """Args:
        config: the rules.
        raw_text: of `reads_raw_text`.
        """
        self.task, self.raw_text = config.task, raw_text
        self.rules = rules_of(config)
        self._schemes: dict[str, str] = {}  # of files

    def examples(
        self, sources: Iterable[Source], rows: np.ndarray | None = None
    ) -> Iterator[Example]:
        """Examples of some sources, in order.

        Args:
            sources: files.
            rows: numbers of those that are wanted, which ascend; None for every one. Words are
                found in these alone, which takes longer than reading, and nothing is read behind
                the last.
        """
        read = self._as_written(sources)
        for example, raw in read if rows is None else _with_numbers(read, rows):
            yield dataclasses.replace(example, words=raw_words(example.words)) if raw else example

    def texts(self, sources: Iterable[Source]) -> Iterator[Text]:
        """The texts of some sources, in order, for whoever finds their words elsewhere."""
        for example, raw in self._as_written(sources):
            yield Text(example.words, raw)

    def _as_written(self, sources: Iterable[Source]) -> Iterator[tuple[Example, bool]]:
        """Every example as its file parts it, and whether its words are still to be found."""
        for source in sources:
            count = 0
            rules = self._rules_for(source)
            raw = self.raw_text and holds_text(source.file_format)
            for example in read_examples(source.path, source.file_format, source.language, rules):
                count += 1
                yield example, raw
            if not count:
                raise DataError(f"{source.path}: the file holds no sentence.")

    def _rules_for(self, source: Source) -> Rules:
        """The rules with the file's own tag scheme, which is told once and said."""
        if self.rules.tag_scheme != AUTO or self.task != "ner":
            return self.rules
        if source.path not in self._schemes:
            scheme = recognise_scheme(source.path, source.file_format, self.rules)
            self._schemes[source.path] = scheme
            if scheme != IOB2:
                logging.info("%s: tags of scheme %s, read as iob2", source.path, scheme)
        return dataclasses.replace(self.rules, tag_scheme=self._schemes[source.path])

    def scan(self, split: str, sources: list[Source]) -> Scan:
        """Reads some sources once, checks every line, and counts."""
        return self.count(split, (example for example, _ in self._as_written(sources)))

    def count(self, what: str, examples: Iterable[Example]) -> Scan:
        """Counts examples as they are read.

        Args:
            what: they are, for the progress bar.
            examples: of `examples`.
        """
        languages, labels = {}, {}
        language_of, label_of = Column(np.int16), Column(np.int32)
        repaired = 0
        uneven = {"cut": Uneven("begin or end inside a word, which belongs to them whole")}
        uneven["dropped"] = Uneven("share a word with a longer or an earlier one, and are left out")
        for example in progress(f"reading {what}", None, "sentences", iterable=examples):
            for name, found in uneven.items():
                found.count(example, getattr(example, name))
            language_of.append(languages.setdefault(example.language, len(languages)))
            if len(languages) > MAX_LANGUAGES:
                raise DataError(
                    f"{example.where}: more than {MAX_LANGUAGES:,} languages: tags like `en:O` "
                    f"name them. Received: language={example.language!r}"
                )
            repaired += example.repaired
            names = example.tags or ()
            ids = [labels.setdefault(name, len(labels)) for name in names]
            if len(labels) > MAX_LABELS:
                raise DataError(
                    f"{example.where}: more than {MAX_LABELS:,} different labels: is this really "
                    f"a column of labels? Received: label={names[0]!r}"
                )
            label_of.append(ids[0] if ids and self.task == "classification" else 0)
        for found in uneven.values():
            found.warn()
        return Scan(language_of.read(), label_of.read(), list(languages), list(labels), repaired)


def _with_numbers(items: Iterable[_Item], rows: np.ndarray) -> Iterator[_Item]:
    """The items with these numbers, which ascend."""
    numbered = enumerate(items)
    for row in rows.tolist():
        for number, item in numbered:
            if number == row:
                yield item
                break


def raw_words(parts: list[str]) -> list[str]:
    """The words of a raw text, from what white space separates in it: no word holds a space."""
    return [part[start:end] for part in parts for start, end in find_words(part)]
