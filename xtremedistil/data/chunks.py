"""Texts encoded in chunks on disk: on every core, and from the last whole chunk on.

A chunk holds a fixed number of texts in the order of their files, so that it is the same whoever
encodes it, and however often the work was stopped. It is a shard with its checksum; where there are
many, processes write them (`encoder_process`). Memory holds a few chunks of text.
"""

import contextlib
import itertools
import os
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import numpy as np
from tqdm import tqdm

from xtremedistil.data.columns import Column
from xtremedistil.data.encoder_process import Encoders
from xtremedistil.data.encoding import BEGINS, HAS_CLASS, TextEncoder
from xtremedistil.data.long_texts import CutTexts
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.shards import is_whole, read_shard, record_of, save_shard
from xtremedistil.data.sources import Text
from xtremedistil.runtime.progress import progress

CHUNK_TEXTS = 4096
# A process needs about a second to begin, in which this one encodes as many.
_FEW_TEXTS = 4 * CHUNK_TEXTS


def encode_texts(
    texts: Iterable[Text], total: int, encoder: TextEncoder, folder: str, workers: int
) -> tuple[Ragged, CutTexts]:
    """Encodes `total` texts; a chunk that an earlier run left whole is not encoded again.

    Args:
        texts: in the order of their files.
        total: how many there are.
        encoder: what to do with each.
        folder: a local one, for the chunks and the joined pieces; whoever has used the result
            removes it. What it holds must be of the same texts and the same encoder.
        workers: processes; for few texts there is none but this one. The result is the same.

    Returns:
        All rows, their pieces in files of `folder`, and which texts they are of.

    Raises:
        DataError: a process ended before its work did.
    """
    sizes = [min(CHUNK_TEXTS, total - start) for start in range(0, total, CHUNK_TEXTS)]
    paths = [os.path.join(folder, f"{number:06d}.safetensors") for number in range(len(sizes))]
    missing = {path: size for path, size in zip(paths, sizes, strict=True) if not is_whole(path)}
    if missing:
        chunks = _chunks(texts, paths, missing)
        done, left = total - sum(missing.values()), len(missing)
        with progress("encoding the transfer set", total, "sentences", done) as bar:
            if workers == 1 or total - done <= _FEW_TEXTS:
                for path, chunk in chunks:
                    save_shard(encoder.encode(chunk), path)
                    bar.update(len(chunk))
            else:
                _encode_in_processes(chunks, encoder, folder, min(workers, left), bar)
    return _join(paths, encoder, folder)


def _chunks(
    texts: Iterable[Text], paths: list[str], missing: Collection[str]
) -> Iterator[tuple[str, list[Text]]]:
    """The chunks that are missing, each with its path."""
    stream = iter(texts)
    for path in paths:
        chunk = list(itertools.islice(stream, CHUNK_TEXTS))
        if path in missing:
            yield path, chunk


def _encode_in_processes(
    chunks: Iterable[tuple[str, list[Text]]],
    encoder: TextEncoder,
    folder: str,
    workers: int,
    bar: tqdm,
) -> None:
    """Has processes write the chunks; one waits for each while it works on another."""
    with Encoders(encoder, folder, workers) as encoders, ThreadPoolExecutor(workers) as pool:
        waiting: dict[Future, int] = {}
        for path, chunk in chunks:
            waiting[pool.submit(encoders.encode, chunk, path)] = len(chunk)
            if len(waiting) == 2 * workers:
                _count_finished(waiting, bar)
        while waiting:
            _count_finished(waiting, bar)


def _count_finished(waiting: dict[Future, int], bar: tqdm) -> None:
    """Waits for one chunk or more; raises what went wrong with it."""
    for future in wait(waiting, return_when=FIRST_COMPLETED).done:
        future.result()
        bar.update(waiting.pop(future))


def _join(paths: list[str], encoder: TextEncoder, folder: str) -> tuple[Ragged, CutTexts]:
    """The rows of all chunks as one, their pieces in one file of each kind."""
    kinds = {"ids": np.int32} | ({HAS_CLASS: np.int8} if encoder.keeps_classes else {})
    joined = {kind: os.path.join(folder, kind) for kind in kinds}
    offsets, starts, hash_of, text_hashes = map(Column, (np.int64, np.int64, np.uint64, np.uint64))
    pieces_before = rows_before = 0
    with contextlib.ExitStack() as opened:
        flat = {kind: opened.enter_context(open(path, "wb")) for kind, path in joined.items()}
        for path in paths:
            rows = read_shard(path, set(), record_of(path))
            first = np.flatnonzero(rows.sentences[BEGINS])
            offsets.extend(rows.offsets[:-1] + pieces_before)
            starts.extend(first + rows_before)
            hash_of.extend(rows.sentences["hash"])
            text_hashes.extend(rows.sentences["hash"][first])
            pieces_before += rows.offsets[-1]
            rows_before += len(rows)
            for kind, file in flat.items():
                file.write(np.ascontiguousarray(rows.pieces[kind]).data)
    offsets.append(pieces_before)
    starts.append(rows_before)
    pieces = {kind: np.memmap(path, kinds[kind], "r") for kind, path in joined.items()}
    everything = Ragged(offsets.read(), pieces, {"hash": hash_of.read()})
    return everything, CutTexts(text_hashes.read(), starts.read())
