"""Lines in, answers out: as a stream, in order, in flat memory, on every core."""

import itertools
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import BinaryIO

from xtremedistil.data.lines import lines_of
from xtremedistil.runtime.errors import ConfigError
from xtremedistil.serving.python.answers import Classified, Entity, Tagged
from xtremedistil.serving.python.predictor import Predictor
from xtremedistil.serving.python.processes import OpenPredictor, Work, answer, pool_of

FORMATS = ("json", "conll")
_CHUNK_LINES = 1024
_CHUNK_CHARACTERS = 1 << 20
_WAITING = 2  # chunks for each worker: one that it works on, and one that it finds when it is done
_DIGITS = 4
_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode
_quoted = json.encoder.encode_basestring  # a string as that encoder writes it


def read_lines(files: Iterable[BinaryIO]) -> Iterator[str]:
    """The lines of open files, without their ends, as training reads them; but what is not UTF-8 is
    read as U+FFFD, and warned of."""
    for file in files:
        for _, line in lines_of(file, getattr(file, "name", "input"), strict=False):
            yield line


def predict_lines(
    predictor: Predictor,
    lines: Iterable[str],
    output: str = "json",
    workers: int = 1,
    pretokenized: bool = False,
    reopen: OpenPredictor | None = None,
) -> Iterator[str]:
    """Answers lines of text.

    Args:
        predictor: a student.
        lines: texts, one each.
        output: `json`: an object a line, with `text` and `entities` or `label` and `scores`; or
            `conll`: `word<TAB>tag` lines and an empty line after each text (NER alone).
        workers: chunks of lines that are worked on at once. With more than one, load the predictor
            with `threads=1`.
        pretokenized: white space alone separates words (NER alone).
        reopen: opens the predictor once more, in another process; picklable. With it workers are
            processes, where there are lines enough; without it they are threads.

    Yields:
        Text to write: the answers to some lines, in their order, each with its line ends.

    Raises:
        ConfigError: no such output, or one that the student has no use for; or a process ended
            before its work did.
    """
    if output not in FORMATS or (output == "conll" and predictor.task != "ner"):
        raise ConfigError(
            f"output is json, or for NER conll. Received: output={output!r} task={predictor.task}"
        )
    if pretokenized and predictor.task != "ner":
        raise ConfigError(f"pretokenized text is for NER. Received: task={predictor.task}")
    lines_of = {"json": _json_lines, "conll": _conll_lines}[output]
    work: Work = partial(lines_of, pretokenized=pretokenized)
    chunks = _chunks(lines)
    first = list(itertools.islice(chunks, 2))  # for one chunk no process is worth starting
    chunks = itertools.chain(first, chunks)
    if reopen is None or workers == 1 or len(first) < 2:
        with ThreadPoolExecutor(workers) as pool:
            yield from _in_order(partial(pool.submit, work, predictor), chunks, workers)
        return
    try:
        with pool_of(reopen, workers) as pool:
            yield from _in_order(partial(pool.submit, answer, work), chunks, workers)
    except BrokenProcessPool as error:
        raise ConfigError(
            "a process of predict ended before its work did; if memory was short, fewer workers "
            f"need less. Received: workers={workers}"
        ) from error


def _in_order(
    submit: Callable[[list[str]], Future], chunks: Iterable[list[str]], workers: int
) -> Iterator[str]:
    """The answers to chunks, in their order; a few are worked on and a few wait."""
    waiting: deque[Future] = deque()
    try:
        for chunk in chunks:
            waiting.append(submit(chunk))
            if len(waiting) > _WAITING * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _chunks(lines: Iterable[str]) -> Iterator[list[str]]:
    chunk, characters = [], 0
    for line in lines:
        chunk.append(line)
        characters += len(line)
        if len(chunk) >= _CHUNK_LINES or characters >= _CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _json_lines(predictor: Predictor, chunk: list[str], pretokenized: bool) -> str:
    if predictor.task != "ner":
        return "".join(map(as_json, predictor.classify(chunk)))
    return "".join(map(_entities_as_json, chunk, predictor.entities(chunk, pretokenized)))


def _conll_lines(predictor: Predictor, chunk: list[str], pretokenized: bool) -> str:
    return "".join(map(_conll, predictor.tag(chunk, pretokenized)))


def as_json(found: Tagged | Classified) -> str:
    """A JSON object and a line end."""
    if isinstance(found, Tagged):
        return _entities_as_json(found.text, found.entities)
    scores = {label: round(score, _DIGITS) for label, score in found.scores.items()}
    return _encode({"text": found.text, "label": found.label, "scores": scores}) + "\n"


def _entities_as_json(text: str, entities: list[Entity]) -> str:
    parts = [
        f'{{"type": {_quoted(name)}, "text": {_quoted(inside)}, "start": {start}, "end": {end}, '
        f'"score": {round(score, _DIGITS)!r}}}'
        for name, inside, start, end, score in entities
    ]
    return f'{{"text": {_quoted(text)}, "entities": [{", ".join(parts)}]}}\n'


def _conll(found: Tagged) -> str:
    pairs = zip(found.words, found.tags, strict=True)
    return "".join(f"{word}\t{tag}\n" for word, tag in pairs) + "\n"
