"""Unlabeled text to encoded sentences on disk: the transfer set D_u.

It holds all training sentences without their labels, but for those whose labels validate, and the
transfer files; a text longer than training reads is cut into several. Some are held out to validate
on: sentences that D_l does not hold, so that no loss has seen them, with no copy among the rest.
The others, and their variants if there are any, are shuffled once, on disk, into shards. Memory
grows by a few bytes a sentence, which say what becomes of it (`columns`).
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import safetensors.numpy
from absl import logging

from xtremedistil.config import DataConfig
from xtremedistil.data.chunks import encode_texts
from xtremedistil.data.columns import blocks, distinct, gathered, places, shuffled
from xtremedistil.data.encoding import HAS_CLASS, TextEncoder
from xtremedistil.data.labeled import CHOSEN, WITHHELD
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.long_texts import CutTexts
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.sampling import held_out_size, is_among, marked, rng_of
from xtremedistil.data.shards import (
    Manifest,
    is_whole,
    read_shard,
    record_of,
    save_shard,
    shard_name,
)
from xtremedistil.data.sources import Reader, Scan, Source, checksums, reads_raw_text
from xtremedistil.data.variants import Neighbours, with_variants
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError, DataError
from xtremedistil.runtime.parts import DONE
from xtremedistil.tokenization.base import Tokenizer
from xtremedistil.tokenization.raw_words import WORD_RULE

SHARD_SENTENCES = 2048
VALIDATION, USAGE = "validation.safetensors", "pieces.safetensors"
_MANIFEST = "shards.safetensors"


def transfer_contents(
    config: DataConfig,
    sources: dict[str, list[Source]],
    labeled: str,
    labels: LabelSet | None = None,
) -> dict[str, object]:
    """What the encoded transfer set is made from, beside the options; `labeled` stands for the
    labeled data."""
    all_pieces = labels is None or labels.covers_every_piece
    contents: dict[str, object] = {} if all_pieces else {HAS_CLASS: True}
    if reads_raw_text(config, sources):
        contents["raw text"] = WORD_RULE
    if config.long_texts == "windows":
        contents["windows"] = config.max_seq_length
    return contents | {
        "labeled data": labeled,
        "transfer files": checksums(sources["transfer"]),
    }


def prepare_transfer(
    config: DataConfig,
    sources: dict[str, list[Source]],
    tokenizer: Tokenizer,
    labeled: str,
    held_out: int,
    folder: str,
    labels: LabelSet | None = None,
    read_table: Callable[[], np.ndarray] | None = None,
) -> tuple[dict[str, object], tuple[str, ...]]:
    """Reads, checks, samples, encodes and shuffles the transfer set.

    Args:
        config, sources, tokenizer: as in `prepare_labeled`.
        labeled: folder of the labeled data.
        held_out: sentences to validate on, at the most.
        folder: gets `validation.safetensors`, `00000.safetensors` and on, `shards.safetensors`,
            what they hold, and `pieces.safetensors`: how often each piece occurs in D_l and D_u. Of
            a run without training labels (`labeled`
            was made by `prepare_unlabeled`) its development texts validate.
        labels: of a ready-made teacher. Where they have no classes for some pieces, shards say
            for which they have (`HAS_CLASS`), so that no loss takes the teacher's logits elsewhere.
        read_table: gives the teacher's table, `(V, D)`, padding first; where there are variants.

    Returns:
        Counts, which do not grow with the number of shards; and the names of the files.

    Raises:
        DataError: a line is not as it must be, there are too few sentences, or D_l holds them all.
    """
    reader = Reader(config, reads_raw_text(config, sources))
    chosen = safetensors.numpy.load(files.read_bytes(os.path.join(labeled, CHOSEN)))
    train, unlabeled = (reader.scan(split, sources[split]) for split in ("train", "transfer"))
    total = len(train) + len(unlabeled)
    in_labeled, usable = marked(total, chosen["train"]), ~marked(total, chosen[WITHHELD])
    wanted, number = _transfer_rows(config, train, unlabeled, in_labeled, usable, held_out)
    del in_labeled, usable  # a byte a sentence each, while text is encoded
    chosen_rows = chosen["train" if sources["train"] else "dev"]  # of D_l, or what develops
    wanted[chosen_rows] = True
    special = np.searchsorted(places(wanted), chosen_rows)  # the same among the texts that are kept
    texts = reader.texts([*sources["train"], *sources["transfer"]])
    kept = (text for text, keep in zip(texts, wanted, strict=True) if keep)
    longest = config.max_seq_length if config.long_texts == "windows" else None
    encoder = TextEncoder(tokenizer, labels, longest)
    workers = config.data_workers or os.cpu_count() or 1
    with _scratch_folder(folder) as scratch:
        everything, texts = encode_texts(kept, int(wanted.sum()), encoder, scratch, workers)
        rng = rng_of(config, "order")
        if sources["train"]:
            validation, others = _split(texts, special, number, rng)
        else:  # of documents' many windows, no more validate than of sentences
            validation = rng.permutation(texts.rows(special))[:held_out]
            others = texts.rows(places(~marked(len(texts), special)))
        others = with_variants(others, config.transfer_variants, len(everything))
        neighbours = None
        if config.transfer_variants:
            neighbours = Neighbours(tokenizer, read_table(), everything)
        parts = _in_shards(validation, others, rng)
        summary, counts = _write(config, everything, parts, len(tokenizer), neighbours, folder)
    summary |= {"texts": len(texts), **texts.cut()}
    usage = os.path.join(folder, USAGE)
    files.write_bytes(usage, safetensors.numpy.save({"counts": counts}))
    return summary, (USAGE, VALIDATION, _MANIFEST)


def read_manifest(folder: str, summary: Mapping[str, Any]) -> Manifest:
    """The shards to train on.

    Args:
        folder, summary: of `prepare_transfer`; earlier versions listed the shards in the latter.
    """
    listed = summary["shards"]
    if isinstance(listed, int):
        return Manifest.load(os.path.join(folder, _MANIFEST))
    return Manifest(*(np.array([s[k] for s in listed]) for k in ("sentences", "pieces")))


def read_sentences(folder: str, name: str, verified: set[str]) -> Ragged:
    """A shard of the transfer set.

    Args:
        folder: of `prepare_transfer`.
        name: of the shard.
        verified: as in `read_shard`.

    Raises:
        ArtifactError: it is damaged; the transfer set is then made again by the next run.
    """
    return read_shard(os.path.join(folder, name), verified, os.path.join(folder, DONE))


@contextlib.contextmanager
def _scratch_folder(folder: str) -> Iterator[str]:
    """A local folder for sentences in the order of their files. What a stopped run left in it is
    kept for the next one, unless the transfer set is on a remote file system."""
    if files.is_remote(folder):
        with tempfile.TemporaryDirectory() as scratch:
            yield scratch
        return
    scratch = os.path.join(folder, "scratch")
    files.make_folder(scratch)
    yield scratch
    files.remove(scratch)


def _transfer_rows(
    config: DataConfig,
    train: Scan,
    unlabeled: Scan,
    labeled: np.ndarray,
    usable: np.ndarray,
    held_out: int,
) -> tuple[np.ndarray, int]:
    """Which sentences the transfer set holds, and how many of them validate.

    Args:
        config: sample sizes.
        train, unlabeled: what the files hold.
        labeled: `(train + unlabeled,)` bool: those of D_l.
        usable: likewise: those that may belong to the transfer set.
        held_out: sentences to validate on, at the most.

    Returns:
        `(train + unlabeled,)` bool, and the number that validates.
    """
    number = config.transfer_per_language
    names = sorted({*train.languages, *unlabeled.languages} - {""})
    numbers = {name: i for i, name in enumerate(names)} | {"": -1}
    language_of = gathered(
        (
            np.array([numbers[name] for name in scan.languages])[part]
            for scan in (train, unlabeled)
            for part in blocks(scan.language_of)
        ),
        np.int16,
    )

    def of_size(number: int) -> np.ndarray:
        """So many sentences a language, or all: a smaller sample is part of a larger one."""
        if not number:
            return usable
        rng, wanted = rng_of(config, "transfer"), labeled.copy()
        for language in range(len(names)):
            _fill(wanted, usable & (language_of == language), number, rng)
        room = number * max(1, len(names)) - int(wanted[language_of >= 0].sum())
        _fill(wanted, usable & (language_of < 0), room, rng)
        return wanted

    wanted = of_size(number)
    nameless = language_of < 0
    if number and len(names) and nameless.any() and not wanted[nameless].any():
        logging.warning(
            "--transfer_per_language=%d: the languages' own sentences fill the transfer set, and "
            "text without a language is left out",
            number,
        )
    held_out = held_out_size(held_out, int(wanted.sum()))
    lacking = held_out - int((wanted & ~labeled).sum()) // 10
    if number and lacking > 0:  # D_u is hardly more than D_l, and should keep what more it is
        spare = of_size(number - (-lacking // max(1, len(names)))) & ~wanted
        if spare.sum() < lacking:
            spare = usable & ~wanted
        wanted[rng_of(config, "spare").permutation(np.flatnonzero(spare))[:lacking]] = True
    return wanted, held_out


def _fill(wanted: np.ndarray, among: np.ndarray, number: int, rng: np.random.Generator) -> None:
    """Adds sentences of `among` to `wanted` until it holds `number` of them."""
    room = number - int((wanted & among).sum())
    wanted[shuffled(places(among & ~wanted), rng)[: max(0, room)]] = True


def _split(
    texts: CutTexts, labeled: np.ndarray, held_out: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The rows that validate, and all others.

    Args:
        texts: that it holds.
        labeled: numbers of those of D_l.
        held_out: how many rows validate; fewer where fewer differ from all of D_l. Copies of their
            texts are among neither.
        rng: chooses.

    Raises:
        DataError: there are less than two sentences, or none but those of D_l.
    """
    total = len(texts)
    if total < 2:
        raise DataError(f"a transfer set needs at least two sentences. Received: {total}")
    hashes, first = distinct(texts.hashes)
    unlabeled = ~marked(len(hashes), np.searchsorted(hashes, texts.hashes[labeled]))
    chosen = shuffled(places(unlabeled), rng)[:held_out]
    if not len(chosen):
        raise DataError(
            "the transfer set needs a sentence that is not labeled too, to validate on. Give other "
            "text (--transfer_file), or label less. "
            f"Received: {total} sentences, all of them labeled"
        )
    number = np.searchsorted(np.cumsum(texts.windows(first[chosen])), held_out, side="right")
    chosen = chosen[: max(1, number)]
    others = places(~is_among(texts.hashes, hashes[chosen]))
    return texts.rows(first[chosen]), texts.rows(others)


def _in_shards(
    validation: np.ndarray, others: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """The rows of each file: those that validate, and the others, shuffled."""
    order = shuffled(others, rng)
    parts = {VALIDATION: validation}
    for number, start in enumerate(range(0, len(order), SHARD_SENTENCES)):
        parts[shard_name(number)] = order[start : start + SHARD_SENTENCES]
    return parts


def _written(path: str, everything: Ragged, rows: np.ndarray) -> Ragged | None:
    """The shard of some rows, if an interrupted run left it whole."""
    if not is_whole(path):
        return None
    try:
        found = read_shard(path, set(), record_of(path))
    except ArtifactError:  # it is not, and its record is gone
        return None
    lengths, texts = everything.lengths_of(rows), everything.sentences["hash"][rows]
    same = np.array_equal(found.lengths, lengths)
    return found if same and np.array_equal(found.sentences["hash"], texts) else None


def _write(
    config: DataConfig,
    everything: Ragged,
    parts: dict[str, np.ndarray],
    vocabulary: int,
    neighbours: Neighbours | None,
    folder: str,
) -> tuple[dict[str, object], np.ndarray]:
    """Writes the files of the transfer set, and counts their pieces. Rows of `parts` beyond the
    last one of `everything` are variants (`with_variants`), for which there are neighbours."""
    counts = np.zeros(vocabulary, np.int64)
    sizes, longest = [], 0
    for name, rows in parts.items():
        path = os.path.join(folder, name)
        real = rows % len(everything)
        shard = _written(path, everything, real)
        if shard is None:
            shard = everything.take(real)
            if neighbours:
                shard = neighbours.vary(shard, rows != real, rng_of(config, f"variants {name}"))
            save_shard(shard, path)
        counts += np.bincount(shard.pieces["ids"], minlength=len(counts))
        longest = max(longest, int(shard.lengths.max()))
        sizes.append((len(shard), int(shard.offsets[-1])))
    sentences, pieces = np.array(sizes, np.int64).T
    Manifest(sentences[1:], pieces[1:]).save(os.path.join(folder, _MANIFEST))
    summary = {
        "sentences": int(sentences.sum()),
        "pieces": int(pieces.sum()),
        "longest": longest,
        "held_out": sizes[0][0],
        "shards": len(sizes) - 1,
    }
    return summary, counts
