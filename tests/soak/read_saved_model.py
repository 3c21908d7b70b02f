"""Compares SavedModels with answers written down before, in an environment without this package.

python -I read_saved_model.py CASES.json [CASES.json ...]
"""

import importlib.util
import json
import pathlib
import sys
import time

import numpy as np
import tensorflow as tf
import tensorflow_text

_TOLERANCE = 1e-4


def main() -> None:
    """Reads every case, and says what it saw."""
    assert importlib.util.find_spec("xtremedistil") is None, "this package can be imported"
    print(f"tensorflow {tf.__version__}, tensorflow_text {tensorflow_text.__version__}")
    for path in sys.argv[1:]:
        start = time.perf_counter()
        found = _compare(json.loads(pathlib.Path(path).read_text("utf-8")))
        print(f"{found}, {time.perf_counter() - start:.0f} s", flush=True)


def _compare(case: dict) -> str:
    loaded = tf.saved_model.load(case["folder"])
    ops = {node.op for node in _nodes(loaded)}
    assert not [op for op in ops if "Cudnn" in op], ops
    signatures = loaded.signatures
    worst = _logits(signatures["predict"], case)
    texts, expected = case["texts"], case["answers"]
    read = _tagged if "tag" in signatures else _classified
    for size in case["batches"]:
        for start in range(0, len(texts), size):
            rows = list(range(len(texts))[start : start + size])
            found = read(signatures, [texts[row] for row in rows])
            for row, answer in zip(rows, found, strict=True):
                worst = max(worst, _difference(answer, expected[row], texts[row]))
    assert worst < _TOLERANCE, worst
    sizes = ", ".join(map(str, case["batches"]))
    return (
        f"{case['name']}: {len(texts)} texts in batches of {sizes}: equal words, tags, entities, "
        f"labels; largest difference of scores and logits {worst:.1e}"
    )


def _nodes(loaded):
    graphs = [f.graph.as_graph_def() for f in loaded.signatures.values()]
    for graph in graphs:
        yield from graph.node
        for function in graph.library.function:
            yield from function.node_def


def _logits(predict, case: dict) -> float:
    worst = 0.0
    for ids, logits in zip(case["ids"], case["logits"], strict=True):
        found = predict(ids=tf.constant([ids], tf.int32))["logits"].numpy()[0]
        worst = max(worst, float(np.abs(found - np.array(logits)).max()))
    return worst


def _tagged(signatures, texts: list[str]) -> list[dict]:
    answer = {k: v.numpy() for k, v in signatures["tag"](texts=tf.constant(texts)).items()}
    found = []
    for row in range(len(texts)):
        words, entities = answer["counts"][row], answer["entity_counts"][row]
        columns = ("types", "texts", "starts", "ends")
        parts = [answer[f"entity_{name}"][row, :entities].tolist() for name in columns]
        found.append(
            {
                "exact": {
                    "spans": np.stack(
                        [answer["starts"][row, :words], answer["ends"][row, :words]], axis=1
                    ).tolist(),
                    "tags": _decoded(answer["tags"][row, :words].tolist()),
                    "entities": [_decoded(list(entity)) for entity in zip(*parts, strict=True)],
                },
                "scores": [
                    *answer["scores"][row, :words].tolist(),
                    *answer["entity_scores"][row, :entities].tolist(),
                ],
            }
        )
    return found


def _classified(signatures, texts: list[str]) -> list[dict]:
    answer = {k: v.numpy() for k, v in signatures["classify"](texts=tf.constant(texts)).items()}
    labels = _decoded(answer["labels"].tolist())
    return [
        {"exact": label, "scores": scores}
        for label, scores in zip(labels, answer["scores"].tolist(), strict=True)
    ]


def _decoded(values: list) -> list:
    return [value.decode("utf-8") if isinstance(value, bytes) else value for value in values]


def _difference(found: dict, expected: dict, text: str) -> float:
    assert found["exact"] == expected["exact"], (text[:200], found["exact"], expected["exact"])
    differences = np.abs(np.array(found["scores"]) - np.array(expected["scores"]))
    return float(differences.max(initial=0.0))


if __name__ == "__main__":
    main()
