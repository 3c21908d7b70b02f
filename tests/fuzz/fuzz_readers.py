"""Broken data files against the readers: every one is read, or refused by an error of the package.

PYTHONPATH=.:tests python tests/fuzz/fuzz_readers.py --cases=10000 --seed=0
"""

import csv
import gzip
import io
import json
import lzma
import os
import tempfile
import time

import numpy as np
from absl import logging
from fuzz.many_cases import main, run_cases

from xtremedistil.config import DataConfig
from xtremedistil.data.formats import detect_format
from xtremedistil.data.formats.registry import FORMATS
from xtremedistil.data.sample import vocabulary_dir
from xtremedistil.data.sources import Reader, Source, rules_of
from xtremedistil.data.tag_schemes import SCHEMES
from xtremedistil.tokenization.base import Tokenizer
from xtremedistil.tokenization.registry import open_tokenizer

MEMORY = 1 << 30  # bytes that all cases together may add to the peak
WORDS = [
    "Berlin",
    "der",
    "नई",
    "دلی",
    "東京",
    "e\u0301",
    "\u200b",
    "\x0b",
    "[SEP]",
    "a" * 150,
    "##s",
    "",
]
TAGS = ["O", "B-LOC", "I-LOC", "B-PER", "I-", "B-", "X", "en:O", "de:B-ORG", "[PAD]", "-", ""]
FIELDS = ["text", "tokens", "label", "ner_tags", "entities", "satz", ""]
SEPARATORS = ["\t", " ", "\t\t", "  ", "", "\u2028"]
P = [0.45, 0.45, 0.05, 0.05]
ENDS = ["\n", "\r\n", "\r", "\n\n", "\x00\n", "\n \n"]


def sensible(rng: np.random.Generator) -> bytes:
    """A file that is nearly right."""
    lines = []
    strict = rng.random() < 0.4  # a table without gaps
    words_of, tags_of = (WORDS[:7], TAGS[:4]) if strict else (WORDS, TAGS)
    separators, ends = (SEPARATORS[:1], ENDS[:4]) if strict else (SEPARATORS, ENDS)
    for _ in range(rng.integers(1, 30)):
        many = int(rng.integers(1, 6)) if not strict and rng.random() < 0.5 else 1
        words, tags = (" ".join(rng.choice(names, many)) for names in (words_of, tags_of))
        lines.append(words + rng.choice(separators) + tags + rng.choice(ends))
    return "".join(lines).encode("utf-8")


# How a scheme spells a word of an entity: alone, first, between, last.
SCHEME_ROLES = {
    "iob1": ("I-{}", "I-{}", "I-{}", "I-{}"),
    "bioes": ("S-{}", "B-{}", "I-{}", "E-{}"),
    "bilou": ("U-{}", "B-{}", "I-{}", "L-{}"),
    "bmes": ("S-{}", "B-{}", "M-{}", "E-{}"),
    "brackets": ("({}*)", "({}*", "*", "*)"),
}


def schemes(rng: np.random.Generator) -> bytes:
    """A table of words and tags of a scheme; now and then a tag is one of another."""
    names = sorted(SCHEME_ROLES)
    name, lines = str(rng.choice(names)), []
    outside, wrong = "*" if name == "brackets" else "O", rng.random() < 0.5
    for _ in range(rng.integers(1, 8)):
        tags = []
        for _ in range(rng.integers(1, 5)):
            size, kind = int(rng.integers(1, 5)), str(rng.choice(["PER", "LOC", "B-X", ""], p=P))
            alone, first, between, last = (role.format(kind) for role in SCHEME_ROLES[name])
            tags += [alone] if size == 1 else [first, *[between] * (size - 2), last]
            tags += [outside] * int(rng.integers(1, 3))
        if wrong:
            other = SCHEME_ROLES[str(rng.choice(names))][rng.integers(4)]
            tags[rng.integers(len(tags))] = other.format("PER")
        lines += [f"{rng.choice(WORDS[:7])}\t{tag}" for tag in tags] + [""]
    return "\n".join(lines).encode("utf-8")


def value(rng: np.random.Generator) -> object:
    """What a field of a record may hold, and what it may not."""
    start, end = sorted(rng.integers(-1, 12, 2).tolist())
    words = rng.choice(WORDS, 3).tolist()
    spans = [[start, end, "PER"], {"start": start, "end": end, "label": "LOC"}, [start], None]
    values = [
        " ".join(words),
        words,
        rng.choice(TAGS, 3).tolist(),
        spans[: int(rng.integers(0, 4))],
        start,
        True,
        1.5,
        None,
        {},
    ]
    return values[int(rng.integers(len(values)))]


def json_lines(rng: np.random.Generator) -> bytes:
    """Records that are nearly alike."""
    names = rng.choice(FIELDS, int(rng.integers(1, 4))).tolist()
    lines = []
    for _ in range(rng.integers(1, 20)):
        record = {name: value(rng) for name in names}
        if rng.random() < 0.8:
            record |= {"text": " ".join(rng.choice(WORDS, 4)), "label": [[0, 3, "PER"]]}
        lines.append(json.dumps(record, ensure_ascii=bool(rng.random() < 0.5)))
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def table(rng: np.random.Generator) -> bytes:
    """CSV, quoted where it must be, or not."""
    file = io.StringIO()
    quoting = csv.QUOTE_ALL if rng.random() < 0.3 else csv.QUOTE_MINIMAL
    writer = csv.writer(file, delimiter=str(rng.choice(list(",;\t|"))), quoting=quoting)
    headers = [["text", "label"], ["text", "tags"], ["Sentence #", "Word", "Tag"], ["a", "b"]]
    writer.writerow(headers[int(rng.integers(4))])
    width = int(rng.integers(1, 4)) if rng.random() < 0.3 else 2
    for _ in range(rng.integers(1, 20)):
        words = rng.choice([*WORDS, 'say "x"', "a,b", "a\nb", "x y"], width - 1).tolist()
        writer.writerow([*words, str(rng.choice(TAGS))])
    return file.getvalue().encode("utf-8")


def fasttext(rng: np.random.Generator) -> bytes:
    """Lines with labels, mostly one."""
    lines = []
    for _ in range(rng.integers(1, 20)):
        labels = [f"__label__{tag}" for tag in rng.choice(TAGS, int(rng.random() < 0.95))]
        lines.append(" ".join([*labels, *rng.choice(WORDS, 3)]) + str(rng.choice(ENDS[:3])))
    return "".join(lines).encode("utf-8")


def parquet(rng: np.random.Generator) -> bytes:
    """A table in a file of row groups."""
    import pyarrow
    import pyarrow.parquet

    number = int(rng.integers(1, 20))
    texts = [" ".join(rng.choice(WORDS, 3)) for _ in range(number)]
    columns = {"text": texts, "label": rng.integers(0, 3, number)}
    if rng.random() < 0.5:
        tags = [rng.choice(TAGS[:4], 3).tolist() for _ in texts]
        columns = {"tokens": [["a", "b", "c"] for _ in texts], "ner_tags": tags}
    target = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), target, row_group_size=5)
    return target.getvalue()


MAKERS = {
    "columns": sensible,
    "jsonl": json_lines,
    "csv": table,
    "fasttext": fasttext,
    "parquet": parquet,
    "schemes": schemes,
}


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """A file with one kind of damage."""
    kind = rng.integers(9)
    if kind == 0:  # random bytes all over
        return rng.bytes(int(rng.integers(0, 400)))
    if kind == 1:  # truncated, perhaps inside a character
        return content[: int(rng.integers(0, len(content) + 1))]
    if kind == 2:  # altered bytes
        changed = bytearray(content or b"x")
        for place in rng.integers(0, len(changed), 3):
            changed[place] = rng.integers(256)
        return bytes(changed)
    if kind == 3:
        return b"\xef\xbb\xbf" * int(rng.integers(1, 3)) + content
    if kind == 4:
        return content.decode("utf-8", "replace").encode(
            str(rng.choice(["utf-16", "utf-32", "utf-7"]))
        )
    if kind == 5:  # a sentence, or a line, without an end
        return content + str(rng.choice(["a\tO\n", "a ", "\t", "x"])).encode() * 6000
    if kind == 6 and rng.random() < 0.02:  # more than a line may have
        return content + b"giant" * 2_100_000
    if kind == 7:
        return content.replace(b"\t", b"")
    return content


def packed(content: bytes, rng: np.random.Generator) -> bytes:
    """Now and then compressed, and now and then damaged after that."""
    kind = rng.integers(6)
    if kind > 1:
        return content
    compressed = (gzip.compress, lzma.compress)[kind](content)
    return damaged(compressed, rng) if rng.random() < 0.5 and len(content) < 10**6 else compressed


def read(path: str, rng: np.random.Generator, tokenizer: Tokenizer) -> None:
    """Reads a file as training would."""
    task = str(rng.choice(["ner", "classification"]))
    unlabeled = bool(rng.random() < 0.3)
    column = str(rng.choice(["", "", "", "1", "2", "text"]))
    config = DataConfig(
        task=task,
        repair_iob2=bool(rng.random() < 0.5),
        max_words=5000,
        tag_scheme=str(rng.choice(["auto", *SCHEMES])) if rng.random() < 0.3 else "auto",
        token_column=column,
        tag_column=str(rng.choice(["", "2", "3"])) if column else "",
        text_field=column,
        tag_names=("O", "B-PER") if rng.random() < 0.2 else (),
    )
    file_format = detect_format(path, task, unlabeled, rules_of(config))
    if rng.random() < 0.3:  # the user names another
        names = [name for name, made in FORMATS.items() if task in made.tasks]
        file_format = str(rng.choice([*names, "text"]))
    reader, sources = Reader(config), [Source(path, "", file_format)]
    scan = reader.scan("train", sources)
    words = [example.words for example in reader.examples(sources)]
    for sentence, pieces in zip(words, tokenizer.encode(words), strict=True):
        assert len(pieces.first) == len(sentence)
        assert pieces.first.max(initial=0) < len(pieces.ids)
    assert len(scan) == len(words)


def run(cases: int, seed: int, kind: str = "columns") -> dict[str, int]:
    """Tries so many files of a kind of `MAKERS`; see `run_cases`."""
    tokenizer = open_tokenizer(vocabulary_dir())
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "train.tsv")

        def try_one(rng: np.random.Generator) -> None:
            with open(path, "wb") as file:
                content = MAKERS[kind](rng)
                file.write(packed(damaged(content, rng) if rng.random() < 0.8 else content, rng))
            read(path, rng, tokenizer)

        return run_cases("read", try_one, cases, seed, MEMORY)


def run_all(cases: int, seed: int) -> dict[str, dict[str, int]]:
    """Tries so many files of each kind; says what each came to when it is done."""
    counts = {}
    for kind in MAKERS:
        started = time.process_time()
        counts[kind] = run(cases, seed, kind)
        print(kind, counts[kind], f"{time.process_time() - started:.0f} s of CPU", flush=True)
    return counts


if __name__ == "__main__":
    logging.set_verbosity(logging.ERROR)  # what is read in spite of something is not the question
    main(__doc__, run_all)
