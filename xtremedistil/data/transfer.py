"""Unlabeled text to encoded sentences on disk: the transfer set D_u.

It holds all training sentences without their labels, but for those whose labels validate, and the
transfer files; a text longer than training reads is cut into several. Some are held out to validate
on: sentences that D_l does not hold, so that no loss has seen them, with no copy among the rest.
The others are shuffled once, on disk, into shards. Memory grows by some tens of bytes a sentence,
not with its text.
"""

import array
import contextlib
import os
import tempfile
from collections.abc import Iterator

import numpy as np
import safetensors.numpy
from absl import logging

from xtremedistil.config import DataConfig
from xtremedistil.data.formats import Example
from xtremedistil.data.labeled import CHOSEN, WITHHELD
from xtremedistil.data.labels import IGNORED, LabelSet
from xtremedistil.data.long_texts import CutTexts, cut_between_words
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.shards import read_shard, save_shard
from xtremedistil.data.sources import (
    Reader,
    Scan,
    Source,
    checksums,
    held_out_size,
    reads_raw_text,
    rng_of,
    sentence_hash,
)
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import DataError
from xtremedistil.runtime.parts import DONE
from xtremedistil.runtime.progress import progress
from xtremedistil.tokenization.base import Pieces, Tokenizer

SHARD_SENTENCES = 2048
VALIDATION, USAGE = "validation.safetensors", "pieces.safetensors"
# Of each piece, 1 where one of the teacher's classes applies; only where it does not apply to all.
HAS_CLASS = "has_class"


def transfer_contents(
    config: DataConfig,
    sources: dict[str, list[Source]],
    labeled: str,
    labels: LabelSet | None = None,
) -> dict[str, object]:
    """What the encoded transfer set is made from, beside the options; `labeled` stands for the
    labeled data."""
    contents: dict[str, object] = {} if _on_every_piece(labels) else {HAS_CLASS: True}
    if reads_raw_text(config, sources):
        contents["raw text"] = True
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
) -> tuple[dict[str, object], tuple[str, ...]]:
    """Reads, checks, samples, encodes and shuffles the transfer set.

    Args:
        config, sources, tokenizer: as in `prepare_labeled`.
        labeled: folder of the labeled data.
        held_out: sentences to validate on, at the most.
        folder: gets `validation.safetensors`, `00000.safetensors` and on, and `pieces.safetensors`:
            how often each piece occurs in D_l and D_u. Of a run without training labels (`labeled`
            was made by `prepare_unlabeled`) its development texts validate.
        labels: of a ready-made teacher. Where they have no classes for some pieces, shards say
            for which they have (`HAS_CLASS`), so that no loss takes the teacher's logits elsewhere.

    Returns:
        Counts and the list of shards; and the names of the files.

    Raises:
        DataError: a line is not as it must be, there are too few sentences, or D_l holds them all.
    """
    reader = Reader(config, reads_raw_text(config, sources))
    chosen = safetensors.numpy.load(files.read_bytes(os.path.join(labeled, CHOSEN)))
    train, unlabeled = (reader.scan(split, sources[split]) for split in ("train", "transfer"))
    total = len(train) + len(unlabeled)
    in_labeled = np.isin(np.arange(total), chosen["train"])
    usable = ~np.isin(np.arange(total), chosen[WITHHELD])
    wanted, number = _transfer_rows(config, train, unlabeled, in_labeled, usable, held_out)
    developing = np.zeros(total, bool)
    if not sources["train"]:
        developing[chosen["dev"]] = True
    wanted |= developing
    examples = reader.examples([*sources["train"], *sources["transfer"]])
    kept = (example for example, keep in zip(examples, wanted, strict=True) if keep)
    with _scratch_folder(folder) as scratch:
        longest = config.max_seq_length if config.long_texts == "windows" else None
        how = (tokenizer, scratch, labels, longest)
        everything, texts = _in_order(kept, int(wanted.sum()), *how)
        rng = rng_of(config, "order")
        if developing.any():  # of documents' many windows, no more validate than of sentences
            rows = rng.permutation(texts.rows(np.flatnonzero(developing[wanted])))[:held_out]
            parts = _in_shards(rows, texts.rows(np.flatnonzero(~developing[wanted])), rng)
        else:
            parts = _parts(texts, in_labeled[wanted], number, rng)
        summary, counts = _write(everything, parts, len(tokenizer), folder)
    summary |= {"texts": len(texts.windows), **texts.cut()}
    usage = os.path.join(folder, USAGE)
    files.write_bytes(usage, safetensors.numpy.save({"counts": counts}))
    return summary, (USAGE, VALIDATION)


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
    """A local folder for sentences in the order of their files; what a killed run left goes."""
    if files.is_remote(folder):
        with tempfile.TemporaryDirectory() as scratch:
            yield scratch
        return
    scratch = os.path.join(folder, "scratch")
    files.remove(scratch)
    files.make_folder(scratch)
    try:
        yield scratch
    finally:
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
    language_of = np.concatenate(
        [
            np.array([names.index(n) if n else -1 for n in scan.languages], int)[scan.language_of]
            for scan in (train, unlabeled)
            if len(scan)
        ]
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
    wanted[rng.permutation(np.flatnonzero(among & ~wanted))[: max(0, room)]] = True


def _on_every_piece(labels: LabelSet | None) -> bool:
    return labels is None or labels.covers_every_piece


def _has_class(pieces: Pieces, labels: LabelSet) -> np.ndarray:
    """`(length,)` int8: 1 where a class of the teacher applies, whatever the words' tags."""
    classes = labels.of_pieces(len(pieces.ids), pieces.first, np.zeros(len(pieces.first)))
    return (classes != IGNORED).astype(np.int8)


def _parts(
    texts: CutTexts, labeled: np.ndarray, held_out: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """The rows of each file of the transfer set, shuffled.

    Args:
        texts: that it holds.
        labeled: `(texts,)` bool: those of D_l.
        held_out: how many rows validate; fewer where fewer differ from all of D_l. Copies of their
            texts belong to no file.
        rng: shuffles.

    Raises:
        DataError: there are less than two sentences, or none but those of D_l.
    """
    total = len(texts.hashes)
    if total < 2:
        raise DataError(f"a transfer set needs at least two sentences. Received: {total}")
    distinct, first, text_of = np.unique(texts.hashes, return_index=True, return_inverse=True)
    unlabeled = np.ones(len(distinct), bool)
    unlabeled[text_of[labeled]] = False
    chosen = rng.permutation(np.flatnonzero(unlabeled))[:held_out]
    if not len(chosen):
        raise DataError(
            "the transfer set needs a sentence that is not labeled too, to validate on. Give other "
            f"text (--transfer_file), or label less. Received: {total} sentences, all of D_l"
        )
    number = np.searchsorted(np.cumsum(texts.windows[first[chosen]]), held_out, side="right")
    chosen = chosen[: max(1, number)]
    others = np.flatnonzero(~np.isin(text_of, chosen))
    return _in_shards(texts.rows(first[chosen]), texts.rows(others), rng)


def _in_shards(
    validation: np.ndarray, others: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """The rows of each file: those that validate, and the others, shuffled."""
    order = rng.permutation(others)
    parts = {VALIDATION: validation}
    for number, start in enumerate(range(0, len(order), SHARD_SENTENCES)):
        parts[f"{number:05d}.safetensors"] = order[start : start + SHARD_SENTENCES]
    return parts


def _write(
    everything: Ragged, parts: dict[str, np.ndarray], vocabulary: int, folder: str
) -> tuple[dict[str, object], np.ndarray]:
    """Writes the files of the transfer set, and counts their pieces."""
    counts = np.zeros(vocabulary, np.int64)
    shards, longest = [], 0
    for name, rows in parts.items():
        shard = everything.take(rows)
        counts += np.bincount(shard.pieces["ids"], minlength=len(counts))
        longest = max(longest, int(shard.lengths.max()))
        save_shard(shard, os.path.join(folder, name))
        shards.append({"name": name, "sentences": len(shard), "pieces": int(shard.offsets[-1])})
    summary = {
        "sentences": sum(shard["sentences"] for shard in shards),
        "pieces": sum(shard["pieces"] for shard in shards),
        "longest": longest,
        "held_out": shards[0]["sentences"],
        "shards": shards[1:],
    }
    return summary, counts


def _in_order(
    examples: Iterator[Example],
    total: int,
    tokenizer: Tokenizer,
    scratch: str,
    labels: LabelSet | None,
    longest: int | None,
) -> tuple[Ragged, CutTexts]:
    """Encodes `total` texts, cut into windows of at most `longest` pieces (None: whole); their
    pieces are in files of the folder `scratch`, in order."""
    hashes, windows, lengths = array.array("Q"), array.array("q"), array.array("q")

    def words() -> Iterator[list[str]]:
        for example in examples:
            hashes.append(sentence_hash(example.words))
            yield example.words

    kinds = {"ids": np.int32} | ({} if _on_every_piece(labels) else {HAS_CLASS: np.int8})
    paths = {kind: os.path.join(scratch, kind) for kind in kinds}
    with contextlib.ExitStack() as opened:
        by_kind = {kind: opened.enter_context(open(path, "wb")) for kind, path in paths.items()}
        encoded = tokenizer.encode(words())
        for text in progress("encoding the transfer set", total, "sentences", iterable=encoded):
            rows = [text] if longest is None else cut_between_words(text, longest)
            windows.append(len(rows))
            for pieces in rows:
                lengths.append(len(pieces.ids))
                by_kind["ids"].write(pieces.ids.tobytes())
                if HAS_CLASS in by_kind:
                    by_kind[HAS_CLASS].write(_has_class(pieces, labels).tobytes())
    texts = CutTexts(np.array(hashes, np.uint64), np.array(windows, np.int64))
    offsets = np.concatenate([[0], np.cumsum(np.array(lengths, np.int64))])
    flat = {kind: np.memmap(paths[kind], dtype, "r") for kind, dtype in kinds.items()}
    return Ragged(offsets, flat, {"hash": np.repeat(texts.hashes, texts.windows)}), texts
