"""Lines in, answers out: as a stream, in order, in flat memory, on every core."""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO

from xtremedistil.errors import ConfigError
from xtremedistil.serving.predictor import Classified, Predictor, Tagged

FORMATS = ("json", "conll")
_CHUNK_LINES = 1024
_CHUNK_CHARACTERS = 1 << 20
_DIGITS = 4
_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode


def read_lines(files: Iterable[BinaryIO]) -> Iterator[str]:
    """The lines of open files, without their ends. What is not UTF-8 is read as U+FFFD."""
    for file in files:
        for line in file:
            yield line.decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")


def predict_lines(
    predictor: Predictor,
    lines: Iterable[str],
    output: str = "json",
    workers: int = 1,
    pretokenized: bool = False,
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

    Yields:
        Text to write: the answers to some lines, in their order, each with its line ends.

    Raises:
        ConfigError: no such output, or one that the student has no use for.
    """
    if output not in FORMATS or (output == "conll" and predictor.task != "ner"):
        raise ConfigError(
            f"output is json, or for NER conll. Received: output={output!r} task={predictor.task}"
        )
    if pretokenized and predictor.task != "ner":
        raise ConfigError(f"pretokenized text is for NER. Received: task={predictor.task}")
    write = {"json": as_json, "conll": _conll}[output]

    def work(chunk: list[str]) -> str:
        ner = predictor.task == "ner"
        answers = predictor.tag(chunk, pretokenized) if ner else predictor.classify(chunk)
        return "".join(map(write, answers))

    waiting: deque[Future] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for chunk in _chunks(lines):
                waiting.append(pool.submit(work, chunk))
                if len(waiting) > workers:  # the next one is read while all of them work
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


def as_json(found: Tagged | Classified) -> str:
    """A JSON object and a line end."""
    if isinstance(found, Classified):
        scores = {label: round(score, _DIGITS) for label, score in found.scores.items()}
        return _line({"text": found.text, "label": found.label, "scores": scores})
    entities = [
        {
            "type": entity.type,
            "text": entity.text,
            "start": entity.start,
            "end": entity.end,
            "score": round(entity.score, _DIGITS),
        }
        for entity in found.entities
    ]
    return _line({"text": found.text, "entities": entities})


def _line(value: dict) -> str:
    return _encode(value) + "\n"


def _conll(found: Tagged) -> str:
    pairs = zip(found.words, found.tags, strict=True)
    return "".join(f"{word}\t{tag}\n" for word, tag in pairs) + "\n"
