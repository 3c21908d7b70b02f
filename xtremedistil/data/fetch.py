"""The paper's data by name, in the layout that `--data_dir` reads.

The hub's Parquet files are streamed through the `datasets` library and written row by row. WikiAnn
comes in the splits of Rahimi et al. (2019), which the paper uses, for its 41 languages. Elec, the
fourth classification set of Table 7, has no copy on the hub, and the paper's transfer sets of 1.4
and 7.2 million sentences were never published: a user's own text is read from `transfer.txt` or
`--transfer_file`, one sentence a line.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from absl import logging

from xtremedistil.data.sample import LANGUAGES
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ConfigError, DataError
from xtremedistil.runtime.progress import progress

Row = Mapping[str, Any]
_TAGS = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")


@dataclass(frozen=True)
class _DataSet:
    """Where a data set is, and how its rows are written.

    Attributes:
        hub_name: repository on the hub.
        folders: folder of Parquet files for each output folder ("" for the top).
        splits: from the hub's split to the name of our file.
        columns: that a row must have.
        line: a row as text, or None for one that is left out.
    """

    hub_name: str
    folders: Mapping[str, str]
    splits: Mapping[str, str]
    columns: tuple[str, ...]
    line: Callable[[Row], str | None]


def _sentence(row: Row) -> str | None:
    """A tagged sentence as `token<TAB>tag` lines; one with a token that those cannot hold is left
    out."""
    tokens = row["tokens"]
    if not tokens or any(not t.strip() or "\t" in t or "\n" in t for t in tokens):
        return None
    tags = [t if isinstance(t, str) else _TAGS[t] for t in row["ner_tags"]]
    return "".join(f"{token}\t{tag}\n" for token, tag in zip(tokens, tags, strict=True)) + "\n"


def _text(*names: str) -> Callable[[Row], str | None]:
    def line(row: Row) -> str | None:
        words = " ".join(" ".join(row[name] or "" for name in names).split())
        return f"{words}\t{row['label']}\n" if words and row["label"] != -1 else None

    return line


def _unlabeled(row: Row) -> str | None:
    words = " ".join(row["text"].split())
    return f"{words}\n" if words else None


_TWO = {"train": "train.tsv", "test": "test.tsv"}
DATASETS = {
    "wikiann": _DataSet(
        "unimelb-nlp/wikiann",
        {language: language for language in LANGUAGES},
        {**_TWO, "validation": "dev.tsv"},
        ("tokens", "ner_tags"),
        _sentence,
    ),
    "sst2": _DataSet(
        "stanfordnlp/sst2",
        {"": "data"},
        {"train": "train.tsv", "validation": "dev.tsv"},  # its test labels are not public
        ("sentence", "label"),
        _text("sentence"),
    ),
    "imdb": _DataSet(
        "stanfordnlp/imdb",
        {"": "plain_text"},
        {**_TWO, "unsupervised": "transfer.txt"},
        ("text", "label"),
        _text("text"),
    ),
    "ag_news": _DataSet("fancyzhx/ag_news", {"": "data"}, _TWO, ("text", "label"), _text("text")),
    "dbpedia": _DataSet(
        "fancyzhx/dbpedia_14",
        {"": "dbpedia_14"},
        _TWO,
        ("title", "content", "label"),
        _text("title", "content"),
    ),
}


def fetch(
    name: str, output_dir: str, source: str = "", languages: Iterable[str] = ()
) -> dict[str, int]:
    """Writes a data set's files.

    Args:
        name: of `DATASETS`.
        output_dir: gets `LANG/train.tsv` and so on, or `train.tsv` and so on. A file that is there
            is whole, since files are renamed when they are: it is kept, so that a fetch that was
            stopped goes on.
        source: a folder with a copy of the hub's repository, to read instead of the hub.
        languages: of WikiAnn; none for all 41.

    Returns:
        The number of sentences in each file that was written.

    Raises:
        ConfigError: an unknown data set or language, or the `datasets` library is not installed.
        DataError: the data cannot be had, are not of the known form, or are all there already.
    """
    if name not in DATASETS:
        raise ConfigError(
            f"--dataset must be one of {', '.join(DATASETS)}. Received: dataset={name!r}"
        )
    wanted = DATASETS[name]
    chosen = tuple(languages) or tuple(wanted.folders)
    if unknown := [language for language in chosen if language not in wanted.folders]:
        raise ConfigError(f"{name} has no languages {', '.join(unknown)} in the paper.")
    base = source or f"hf://datasets/{wanted.hub_name}"
    counts = {}
    for folder in chosen:
        for split, file in wanted.splits.items():
            path = os.path.join(output_dir, folder, file)
            if files.exists(path):
                logging.warning("%s is there already: kept as it is", path)
                continue
            files.make_folder(os.path.dirname(path))
            pattern = f"{base}/{wanted.folders[folder]}/{split}-*.parquet"
            line = _unlabeled if file == "transfer.txt" else wanted.line
            rows = _rows(pattern, wanted.columns, wanted.hub_name)
            counts[os.path.join(folder, file)] = _write(path, rows, line)
    if not counts:
        raise DataError(
            f"{output_dir} has every file of {name} already. To fetch them again, choose another "
            f"--output_dir, or delete them. Received: output_dir={output_dir!r}"
        )
    return counts


def _rows(pattern: str, columns: tuple[str, ...], hub_name: str) -> Iterator[Row]:
    """Streams the rows of Parquet files."""
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise ConfigError(
            "fetching data needs the datasets library: pip install 'xtremedistil[hub]'."
        ) from error
    try:
        rows = iter(load_dataset("parquet", data_files=pattern, split="train", streaming=True))
        for row in rows:
            if missing := [column for column in columns if column not in row]:
                raise DataError(
                    f"{pattern}: a row must have {', '.join(columns)}; {', '.join(missing)} "
                    f"missing. Received: {sorted(row)}"
                )
            yield row
    except DataError:
        raise
    except Exception as error:  # of many libraries: the network, the hub, Parquet
        raise DataError(
            f"{hub_name} cannot be read from {pattern}: without a network, copy the hub's files "
            f"into a folder and give it as --source. Received: {type(error).__name__}: {error}"
        ) from error


def _write(path: str, rows: Iterator[Row], line: Callable[[Row], str | None]) -> int:
    count = left_out = 0
    with files.writing(path) as file, progress(path, None, "sentences") as bar:
        for row in rows:
            text = line(row)
            if text is None:
                left_out += 1
                continue
            file.write(text.encode("utf-8"))
            count += 1
            bar.update()
    if left_out:
        logging.warning("%s: %d sentences left out (empty, or without a label)", path, left_out)
    return count
