"""The data of a run without training labels: what of the unlabeled text is held out, and the
labeled test set, if there is one.

Some texts develop: the transfer set validates on them, and epochs may be chosen by them. Others are
the agreement test, on which the student's answers are compared with the teacher's at the very end.
No text of either, nor a copy of one, is trained on.
"""

import os
from collections.abc import Iterator

import numpy as np
import safetensors.numpy

from xtremedistil.config import DataConfig
from xtremedistil.data.columns import Column, blocks, distinct, gathered, places, shuffled
from xtremedistil.data.formats import Example
from xtremedistil.data.labeled import CHOSEN, WITHHELD, encode_labeled
from xtremedistil.data.labels import LabelSet
from xtremedistil.data.sampling import (
    held_out_size,
    is_among,
    marked,
    rng_of,
    sample,
    sentence_hash,
)
from xtremedistil.data.sources import Reader, Scan, Source, checksums, reads_raw_text
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import DataError
from xtremedistil.tokenization.base import Tokenizer
from xtremedistil.tokenization.raw_words import WORD_RULE

DEV, AGREEMENT, TEST = "dev", "agreement", "test"  # splits of a run without training labels
_FEWEST = 3  # one text each to train, to develop and to test on


def unlabeled_contents(
    config: DataConfig,
    sources: dict[str, list[Source]],
    tokenizer: Tokenizer,
    labels: LabelSet,
    held_out: int,
) -> dict[str, object]:
    """What the held-out data is made from, beside the options; see `prepare_unlabeled`."""
    return {
        **{f"{split} files": checksums(sources[split]) for split in ("train", "dev", "test")},
        "transfer files": checksums(sources["transfer"]),
        "tokenization": tokenizer.fingerprint,
        "labels of the teacher": list(labels.names),
        "transfer_validation": held_out,
        "agreement_test": config.agreement_test,
        "raw text": reads_raw_text(config, sources) and WORD_RULE,
    }


def prepare_unlabeled(
    config: DataConfig,
    sources: dict[str, list[Source]],
    tokenizer: Tokenizer,
    labels: LabelSet,
    held_out: int,
    folder: str,
) -> tuple[dict[str, object], tuple[str, ...]]:
    """Reads all text once, holds some of it out, and encodes what is held out.

    Args:
        config, sources, tokenizer: as in `prepare_labeled`.
        labels: the teacher's classes.
        held_out: texts to develop on, at the most.
        folder: gets `dev` and `agreement.safetensors`, without labels; `test.safetensors`, with
            them, where there is a labeled test file, or without one a development file; and
            `chosen.safetensors`, as `prepare_labeled` writes it.

    Returns:
        As `prepare_labeled`.

    Raises:
        DataError: anything in the data is not as it must be, or there are too few texts.
    """
    reader = Reader(config, reads_raw_text(config, sources))
    scan, hashes = _read_texts(reader, sources["transfer"])
    chosen = _hold_out(config, scan, hashes, held_out)
    origin = dict.fromkeys((DEV, AGREEMENT), "transfer")
    tested = next((split for split in ("test", "dev") if sources[split]), None)
    languages, repaired = set(scan.languages), 0
    if tested:
        origin[TEST], labeled = tested, reader.scan(tested, sources[tested])
        among, rng = np.arange(len(labeled)), rng_of(config, "test")
        chosen[TEST] = sample(labeled, config.test_per_language, rng, among)
        languages, repaired = languages | set(labeled.languages), labeled.repaired
    languages = sorted(languages)
    per_language = {}
    for split, source in origin.items():
        examples = reader.examples(sources[source], chosen[split])
        own = labels if split == TEST else None
        encoded = encode_labeled(examples, tokenizer, own, languages)
        encoded.save(os.path.join(folder, f"{split}.safetensors"))
        number = np.bincount(encoded.sentences["language"], minlength=len(languages))
        per_language[split] = dict(zip(languages, number.tolist(), strict=True))
    files.write_bytes(os.path.join(folder, CHOSEN), safetensors.numpy.save(chosen))
    summary = {
        "languages": languages,
        "labels": list(labels.names),
        "repaired_tags": repaired,
        "splits_from": origin,
        "sentences_per_language": per_language,
    }
    return summary, (*(f"{split}.safetensors" for split in origin), CHOSEN)


def _read_texts(reader: Reader, sources: list[Source]) -> tuple[Scan, np.ndarray]:
    """Counts the texts, and hashes each."""
    hashes = Column(np.uint64)

    def hashed() -> Iterator[Example]:
        for example in reader.examples(sources):
            hashes.append(sentence_hash(example.words))
            yield example

    scan = reader.count("unlabeled text", hashed())
    return scan, hashes.read()


def _hold_out(
    config: DataConfig, scan: Scan, hashes: np.ndarray, held_out: int
) -> dict[str, np.ndarray]:
    """Which texts are held out, all different: a sample to test agreement on, the same number of
    each language, and another to develop on.

    Args:
        config: sizes and seed.
        scan: of all texts.
        hashes: `(texts,)` of `sentence_hash`.
        held_out: texts to develop on, at the most.

    Returns:
        Numbers of texts: `dev`, `agreement`, and what no model may learn from, copies included.
    """
    among = places(marked(len(hashes), distinct(hashes)[1]))
    if len(among) < _FEWEST:
        raise DataError(
            f"distilling without labels needs at least {_FEWEST} different texts: to train, to "
            f"validate and to compare with the teacher on. Received: {len(among)}"
        )
    number = len(scan.languages)
    sizes = sum(np.bincount(scan.language_of[part], minlength=number) for part in blocks(among))
    share = -(-config.agreement_test // len(scan.languages))
    numbers = np.minimum(share, np.where(sizes > 1, np.maximum(sizes // 10, 1), 0))
    if not numbers.any():
        numbers[np.argmax(sizes)] = 1
    agreement = sample(scan, numbers, rng_of(config, "agreement"), among)
    left = gathered(part[~np.isin(part, agreement)] for part in blocks(among))
    number = held_out_size(held_out, len(among))
    dev = np.sort(shuffled(left, rng_of(config, "validation"))[:number])
    withheld = places(is_among(hashes, hashes[np.concatenate([agreement, dev])]))
    return {AGREEMENT: agreement, DEV: dev, "train": np.zeros(0, np.int64), WITHHELD: withheld}
