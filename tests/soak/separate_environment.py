"""SavedModels in an environment with nothing but tensorflow 2.20 and tensorflow-text 2.20.

PYTHONPATH=.:tests python tests/soak/separate_environment.py [--model=DIR] [--python=PATH]

Students are exported and asked here; `read_saved_model.py` loads the exports there and compares:
the signatures `tag`, `classify` and `predict`, plain and with `jit_compile`. The students have
random weights, which agree on nothing by chance; `--model` adds a real one.
"""

import argparse
import dataclasses
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import venv

from test_serving import TEXTS, make
from test_text import HOSTILE

import xtremedistil
from xtremedistil.data.formats import read_examples
from xtremedistil.data.sample import LANGUAGES, corpus_dir
from xtremedistil.serving.graph.saved_model import export_saved_model
from xtremedistil.serving.python.predictor import Predictor

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = ("tensorflow==2.20.*", "tensorflow-text==2.20.*")
_SENTENCES = 10  # of each language


def main() -> None:
    """Makes the environment, exports, compares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", action="append", default=[], help="a student's folder")
    parser.add_argument("--python", help="of an environment that has the packages already")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as top:
        python = arguments.python or _environment(os.path.join(top, "environment"))
        students = [
            make(os.path.join(top, "tagger")),
            make(os.path.join(top, "classifier"), "classification"),
            make(os.path.join(top, "transformer"), encoder="transformer", embedding_dim=24),
        ]
        cases = [
            _case(student, jit_compile, os.path.join(top, f"case-{number}-{jit_compile:d}"))
            for number, student in enumerate(students + arguments.model)
            for jit_compile in (False, True)
        ]
        program = os.path.join(HERE, "read_saved_model.py")
        subprocess.run([python, "-I", program, *cases], check=True, cwd=top)


def _environment(folder: str) -> str:
    venv.create(folder, with_pip=True)
    python = os.path.join(folder, "bin", "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return python


def _case(student: str, jit_compile: bool, folder: str) -> str:
    """Exports a student, and writes down what Keras answers."""
    export_saved_model(student, folder, jit_compile)
    predictor = xtremedistil.load(student, "keras")
    # XLA compiles for each shape of a batch, which takes seconds: few of them.
    texts = _texts()[:: 8 if jit_compile else 1]
    rows, _ = predictor._encode(texts[:4], [[(0, len(text))] for text in texts[:4]])
    sentences = [
        rows.pieces["ids"][a:b].tolist() for a, b in itertools.pairwise(rows.offsets.tolist())
    ]
    content = {
        "name": f"{os.path.basename(student)}{' with jit_compile' if jit_compile else ''}",
        "folder": folder,
        "texts": texts,
        "batches": [32] if jit_compile else [1, 3, 32],
        "answers": _answers(predictor, texts),
        "ids": sentences,
        "logits": [predictor.logits(rows.take([n])).squeeze().tolist() for n in range(len(rows))],
    }
    path = f"{folder}.json"
    pathlib.Path(path).write_text(json.dumps(content), "utf-8")
    return path


def _answers(predictor: Predictor, texts: list[str]) -> list[dict]:
    if predictor.task == "classification":
        found = predictor.classify(texts)
        return [{"exact": f.label, "scores": list(f.scores.values())} for f in found]
    return [
        {
            "exact": {
                "spans": found.spans,
                "tags": found.tags,
                "entities": [list(dataclasses.astuple(entity)[:4]) for entity in found.entities],
            },
            "scores": found.scores + [entity.score for entity in found.entities],
        }
        for found in predictor.tag(texts)
    ]


def _texts() -> list[str]:
    """Sentences of every language, hostile ones, and one far longer than a window."""
    texts = [text.encode("utf-8", "replace").decode("utf-8") for text in TEXTS + HOSTILE]
    # `words` of the graph has U+0001 for a zero byte, and so has the text of an entity.
    texts = [text.replace("\0", "\1") for text in texts]
    for language in LANGUAGES:
        examples = read_examples(f"{corpus_dir()}/{language}/test.tsv.xz", "conll")
        texts += [" ".join(e.words) for e in itertools.islice(examples, _SENTENCES)]
    return texts


if __name__ == "__main__":
    sys.exit(main())
