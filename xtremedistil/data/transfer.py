"""Unlabeled text to encoded sentences on disk: the transfer set D_u.

It holds all training sentences without their labels, and the transfer files. Sentences are shuffled
once, on disk, into shards; the first of them are held out to validate on. Memory grows by a few
bytes a sentence, not with its text.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator

import numpy as np
import safetensors.numpy

from xtremedistil.config import DataConfig
from xtremedistil.data.formats import Example
from xtremedistil.data.labeled import CHOSEN
from xtremedistil.data.labels import IGNORED, LabelSet
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.shards import read_shard, save_shard
from xtremedistil.data.sources import Reader, Scan, Source, checksums, rng_of, sentence_hash
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import DataError
from xtremedistil.runtime.parts import DONE
from xtremedistil.runtime.progress import progress
from xtremedistil.tokenization.base import Pieces, Tokenizer

SHARD_SENTENCES = 2048
VALIDATION, USAGE = "validation.safetensors", "pieces.safetensors"
# Of each piece, 1 where one of the teacher's classes applies; only where it does not apply to all.
HAS_CLASS = "has_class"


def transfer_inputs(
    config: DataConfig,
    sources: dict[str, list[Source]],
    labeled: str,
    held_out: int,
    labels: LabelSet | None = None,
) -> dict[str, object]:
    """What the encoded transfer set depends on; `labeled` stands for the labeled data."""
    inputs = {} if _on_every_piece(labels) else {HAS_CLASS: True}
    return inputs | {
        "labeled data": labeled,
        "transfer files": checksums(sources["transfer"]),
        "transfer_per_language": config.transfer_per_language,
        "transfer_validation": held_out,
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
            how often each piece occurs in D_l and D_u.
        labels: of a ready-made teacher. Where they have no classes for some pieces, shards say
            for which they have (`HAS_CLASS`), so that no loss takes the teacher's logits elsewhere.

    Returns:
        Counts and the list of shards; and the names of the files.

    Raises:
        DataError: a line is not as it must be, or there are too few sentences.
    """
    reader = Reader(config)
    chosen = safetensors.numpy.load(files.read_bytes(os.path.join(labeled, CHOSEN)))["train"]
    train, unlabeled = (reader.scan(split, sources[split]) for split in ("train", "transfer"))
    wanted = _transfer_rows(config, train, unlabeled, chosen)
    examples = reader.examples([*sources["train"], *sources["transfer"]])
    summary, counts = _encode_transfer(
        examples, wanted, tokenizer, rng_of(config, "order"), held_out, folder, labels
    )
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
    rng = rng_of(config, "transfer")
    for language in range(len(names)):
        rows = np.flatnonzero((language_of == language) & ~wanted)
        room = config.transfer_per_language - int(wanted[language_of == language].sum())
        wanted[rng.permutation(rows)[: max(0, room)]] = True
    return wanted


def _on_every_piece(labels: LabelSet | None) -> bool:
    return labels is None or labels.covers_every_piece


def _has_class(pieces: Pieces, labels: LabelSet) -> np.ndarray:
    """`(length,)` int8: 1 where a class of the teacher applies, whatever the words' tags."""
    classes = labels.of_pieces(len(pieces.ids), pieces.first, np.zeros(len(pieces.first)))
    return (classes != IGNORED).astype(np.int8)


def _encode_transfer(
    examples: Iterator[Example],
    wanted: np.ndarray,
    tokenizer: Tokenizer,
    rng: np.random.Generator,
    held_out: int,
    folder: str,
    labels: LabelSet | None,
) -> tuple[dict[str, object], np.ndarray]:
    """Encodes the wanted sentences and shuffles them into shards; also counts their pieces."""
    total = int(wanted.sum())
    if total < 2:
        raise DataError(f"a transfer set needs at least two sentences. Received: {total}")
    counts = np.zeros(len(tokenizer), np.int64)
    kept = (example for example, keep in zip(examples, wanted, strict=True) if keep)
    with _scratch_folder(folder) as scratch:
        everything = _in_order(kept, total, tokenizer, scratch, labels)
        order = rng.permutation(total)
        held_out = max(1, min(held_out, total // 10))
        parts = {VALIDATION: order[:held_out]}
        for number, start in enumerate(range(held_out, total, SHARD_SENTENCES)):
            parts[f"{number:05d}.safetensors"] = order[start : start + SHARD_SENTENCES]
        shards = []
        for name, rows in parts.items():
            shard = everything.take(rows)
            counts += np.bincount(shard.pieces["ids"], minlength=len(counts))
            save_shard(shard, os.path.join(folder, name))
            shards.append({"name": name, "sentences": len(shard), "pieces": int(shard.offsets[-1])})
    summary = {
        "sentences": total,
        "pieces": int(everything.offsets[-1]),
        "longest": int(everything.lengths.max()),
        "held_out": held_out,
        "shards": shards[1:],
    }
    return summary, counts


def _in_order(
    examples: Iterator[Example],
    total: int,
    tokenizer: Tokenizer,
    scratch: str,
    labels: LabelSet | None,
) -> Ragged:
    """Encodes `total` sentences; their pieces are in files of the folder `scratch`, in order."""
    hashes, lengths = np.zeros(total, np.uint64), np.zeros(total, np.int64)

    def words() -> Iterator[list[str]]:
        for row, example in enumerate(examples):
            hashes[row] = sentence_hash(example.words)
            yield example.words

    kinds = {"ids": np.int32} | ({} if _on_every_piece(labels) else {HAS_CLASS: np.int8})
    paths = {kind: os.path.join(scratch, kind) for kind in kinds}
    with contextlib.ExitStack() as opened:
        by_kind = {kind: opened.enter_context(open(path, "wb")) for kind, path in paths.items()}
        encoded = tokenizer.encode(words())
        bar = progress("encoding the transfer set", total, "sentences", iterable=encoded)
        for row, pieces in enumerate(bar):
            lengths[row] = len(pieces.ids)
            by_kind["ids"].write(pieces.ids.tobytes())
            if HAS_CLASS in by_kind:
                by_kind[HAS_CLASS].write(_has_class(pieces, labels).tobytes())
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    flat = {kind: np.memmap(paths[kind], dtype, "r") for kind, dtype in kinds.items()}
    return Ragged(offsets, flat, {"hash": hashes})
