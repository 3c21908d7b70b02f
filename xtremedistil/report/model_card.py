"""The README.md of a student's folder: what a run knows of it, with the front matter of the hub.

Nothing is said that `results.json` does not hold: what was not measured is left out. Folders are
named by their last part, since a card is read where the run's own machine is not known.
"""

import json
import os
import re
from collections.abc import Iterator

from xtremedistil.report.schema import METRICS, RunResults, Score

CARD = "README.md"
_PIPELINES = {"ner": "token-classification", "classification": "text-classification"}
_WORDS = {"ner": "F1", "classification": "accuracy"}
# What the hub takes for a language (ISO 639, with a script or a region), and for a model's name.
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")

_USE = """Use
---

```python
import xtremedistil

student = xtremedistil.load("FOLDER")  # this folder, or its name on the hub
{python}
```

For a server that speaks TF Serving's protocols:

```shell
xtremedistil export --model=FOLDER --output_dir=models/student/1
docker run --rm -p 8501:8501 -v "$PWD/models/student:/models/student:ro" -e MODEL_NAME=student \\
    tensorflow/serving:2.20.0
curl -s localhost:8501/v1/models/student:predict -d '{{"instances": ["A text."]}}'
```
"""
_USE_WITHOUT_TENSORFLOW = """
For programs without TensorFlow, as ONNX or for the package's own kernel in C; `xtremedistil.load`
reads either folder as it reads this one:

```shell
xtremedistil export --model=FOLDER --output_dir=onnx --format=onnx --quantize=int8
xtremedistil export --model=FOLDER --output_dir=native --format=native --quantize=int8
```
"""
_PYTHON = {
    "ner": 'print(student.tag("A text.").entities)',
    "classification": 'print(student.classify("A text.").label)',
}


def model_card(results: RunResults, language: str | None = None) -> str:
    """The card of a run's student.

    Args:
        results: of the run.
        language: of the student, where the run has one for each.

    Returns:
        Markdown, with YAML front matter as the hub reads it.
    """
    languages = [language] if language else [*filter(None, results.data.languages or ())]
    parts = [
        "---\n" + "".join(f"{line}\n" for line in _front(results, languages)) + "---\n",
        "\n".join(_about(results, languages)),
        "\n".join(_scores(results, languages)),
        "\n".join(_speed(results)),
        "\n".join(_made(results)),
        "\n".join(_limits(results, languages)),
    ]
    use = _USE.format(python=_PYTHON[results.task])
    if results.student.kind == "bilstm":  # ONNX and the kernel hold no other kind
        use += _USE_WITHOUT_TENSORFLOW
    return "\n".join([*filter(None, parts), use])


def _front(results: RunResults, languages: list[str]) -> Iterator[str]:
    """Lines of YAML, of which JSON is a part."""
    known = [name for name in languages if _LANGUAGE.fullmatch(name)]
    if known:
        yield "language:"
        yield from (f"- {json.dumps(name)}" for name in known)
    yield "library_name: xtremedistil"
    yield f"pipeline_tag: {_PIPELINES[results.task]}"
    yield f"tags: {json.dumps(['xtremedistil', 'distillation', *_tags(results)])}"
    teacher = results.teacher.name
    if _HUB_NAME.fullmatch(teacher) and not os.path.isdir(teacher):
        yield f"base_model: {json.dumps(teacher)}"
    metric = METRICS[results.task]
    yield f"metrics: {json.dumps([metric])}"
    found = [
        {"type": name, "name": title, "value": round(value, 2)}
        for name, title, value in _measured(results, languages)
    ]
    if found:
        name = _data_name(results)
        task = {"type": _PIPELINES[results.task]}
        dataset = {"type": re.sub(r"[^\w.-]+", "-", name), "name": name, "split": "test"}
        entry = {"task": task, "dataset": dataset, "metrics": found}
        # The hub wants a name for the model, which a folder does not have.
        index = [{"name": f"xtremedistil-{results.student.kind}", "results": [entry]}]
        yield f"model-index: {json.dumps(index, ensure_ascii=False)}"


def _tags(results: RunResults) -> list[str]:
    return [results.student.kind] if results.student.kind else []


def _measured(results: RunResults, languages: list[str]) -> Iterator[tuple[str, str, float]]:
    """Scores on the test set: the metric, its title, and percent."""
    for name in ("f1", "precision", "recall", "accuracy"):
        value = _of(getattr(results.student, name), languages)
        if value is not None:
            yield name, "F1" if name == "f1" else name, value


def _of(score: Score | None, languages: list[str]) -> float | None:
    """A score's value: of the one language that a student is for, else the mean."""
    if score is None:
        return None
    if len(languages) == 1 and languages[0] in score.per_language:
        return score.per_language[languages[0]]
    return score.mean


def _data_name(results: RunResults) -> str:
    folder = results.config["data"].get("data_dir")
    return os.path.basename(str(folder).rstrip("/")) if folder else "the embedded sample corpus"


def _about(results: RunResults, languages: list[str]) -> Iterator[str]:
    student, shape = results.student, results.student.shape
    what = {"ner": "entities in text", "classification": "the class of a text"}[results.task]
    size = ", ".join(f"{name} {value}" for name, value in (student.size or {}).items())
    yield "# A student of XtremeDistil\n"
    where = f" in {len(languages)} languages ({', '.join(languages)})" if languages else ""
    if len(languages) == 1:
        where = f" in {languages[0]}"
    yield (
        f"A {student.kind} that finds {what}{where}, distilled from "
        f"`{_teacher_name(results)}` (strategy {results.strategy}).\n"
    )
    yield f"- labels: {', '.join(f'`{name}`' for name in results.data.labels or ())}"
    yield f"- size: {student.parameters:,} parameters, {results.compression:.1f} times fewer than"
    yield (
        f"  the teacher's; {size}, {shape['vocabulary_size']:,} pieces"
        + (f"; {student.bytes / 1e6:.1f} MB on disk" if student.bytes else "")
        + "\n"
    )


def _teacher_name(results: RunResults) -> str:
    name = results.teacher.name
    return os.path.basename(name.rstrip("/")) if os.path.isabs(name) or "://" in name else name


def _scores(results: RunResults, languages: list[str]) -> Iterator[str]:
    metric = METRICS[results.task]
    word = _WORDS[results.task]
    teacher, student = (getattr(model, metric) for model in (results.teacher, results.student))
    if student is not None:
        yield f"Scores\n------\n\n{word} in percent on the test set of {_data_name(results)}:\n"
        yield "| | teacher | student |\n|---|---|---|"
        for name in [n for n in languages if n in student.per_language]:
            yield f"| {name} | {_cell(teacher, name)} | {_cell(student, name)} |"
        if len(languages) != 1:
            yield f"| mean | {_cell(teacher)} | {_cell(student)} |"
        if results.retained is not None and results.retained_interval:
            low, high = results.retained_interval
            yield (
                f"\nThe student keeps {results.retained:.1f}% of the teacher's {word} (95% "
                f"interval {low:.1f} to {high:.1f})."
            )
        yield ""
    if results.agreement and results.agreement.score:
        value = _of(results.agreement.score, languages)
        yield (
            f"Agreement with the teacher\n--------------------------\n\n{_shown(value)} ({word} "
            "with the teacher's answers in the place of labels, "
            f"{results.agreement.sentences:,} held-out texts). It says nothing of how right either "
            "is.\n"
        )


def _cell(score: Score | None, language: str | None = None) -> str:
    if score is None:
        return ""
    return _shown(score.per_language.get(language) if language else score.mean)


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def _speed(results: RunResults) -> Iterator[str]:
    timed, hardware = results.latency, results.hardware
    if not timed.student:
        return
    where = hardware.cpu or "a processor of unknown name"
    where += f", {hardware.cores} cores" if hardware.cores else ""
    where += f", {', '.join(hardware.gpus)}" if hardware.gpus else ""
    yield "Speed\n-----\n"
    yield f"Milliseconds (median), {timed.pieces} pieces a text, plain TensorFlow, on {where}:\n"
    yield "| texts at once | teacher | student |\n|---|---|---|"
    for size, timing in timed.student.items():
        other = timed.teacher.get(size)
        shown = f"{other.median:.2f}" if other else ""
        yield f"| {size.removeprefix('batch_')} | {shown} | {timing.median:.2f} |"
    yield "\nExports are faster; `xtremedistil benchmark` measures them.\n"


def _made(results: RunResults) -> Iterator[str]:
    counts = {
        split: sum(own.values()) for split, own in results.data.sentences_per_language.items()
    }
    yield "How it was made\n---------------\n"
    tuned = {True: ", fine-tuned in the run", False: ", used as it was", None: ""}
    count = results.teacher.parameters
    yield (
        f"- teacher: `{_teacher_name(results)}`"
        + (f", {count:,} parameters" if count else "")
        + tuned[results.teacher.fine_tuned]
    )
    if counts:
        told = ", ".join(f"{number:,} {split}" for split, number in counts.items())
        yield f"- labeled data: {_data_name(results)}, sentences: {told}"
    if results.data.transfer:
        yield f"- transfer set: {_transfer(results)}"
    versions = results.versions or {}
    if versions:
        yield f"- made with {', '.join(f'{name} {own}' for name, own in versions.items())}"
    yield ""


def _transfer(results: RunResults) -> str:
    transfer = results.data.transfer
    variants = results.config["data"].get("transfer_variants", 0)
    held = f", {transfer.held_out:,} of them held out" if transfer.held_out else ""
    made = f", {variants} variant{'s' * (variants > 1)} of each that is learned from among them"
    return f"{transfer.sentences:,} sentences{made if variants else ''}{held}"


def _limits(results: RunResults, languages: list[str]) -> Iterator[str]:
    lines = []
    if results.unseen.student and results.unseen.sentences:
        lines.append(
            f"- On the {results.unseen.sentences:,} test sentences that no training showed: "
            f"teacher {_shown(results.unseen.teacher.mean)}, student "
            f"{_shown(results.unseen.student.mean)}."
        )
    score = results.student.score
    own = score.per_language if score else {}
    own = {name: value for name, value in own.items() if value is not None and name in languages}
    if len(own) > 1:
        least = min(own, key=own.__getitem__)
        lines.append(f"- It does worst in {least} ({own[least]:.2f}).")
    if results.unknown_piece_rate is not None:
        lines.append(
            f"- {results.unknown_piece_rate:.2f}% of the test set's pieces had no row of their own "
            "in training, whose table has those of the transfer set."
        )
    if score is None:
        lines.append("- There was no labeled test set: how often it is right is not known.")
    lines.append(
        "- It imitates its teacher, mistakes included. Other languages and other kinds of text "
        "than those above were not measured."
    )
    yield "Limits\n------\n"
    yield from lines
    yield ""
