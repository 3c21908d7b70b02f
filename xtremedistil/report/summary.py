"""What a run tells its user at the end. Reads `results.json`'s content alone; needs no
TensorFlow."""

from typing import Any


def summary(results: dict[str, Any]) -> str:
    """The end of a run, in a terminal's width.

    Args:
        results: the content of `results.json`.
    """
    metric = "f1" if results["task"] == "ner" else "accuracy"
    word = "F1" if metric == "f1" else "accuracy"
    teacher, student = results["teacher"], results["student"]
    low, high = results["retained_interval"]
    shares = [learned(step) for step in results["steps"]]
    known = any(share is not None for share in shares)
    heads = f"{'':36}{word:>8}{'  std. dev.':>11}{'seconds':>10}"
    lines = ["", heads + f"{'learned':>10}" * known]
    lines.append(_row("teacher", teacher[metric], results["parts"]["teacher"]["seconds"]))
    for step, share in zip(results["steps"], shares, strict=True):
        name = f"stage {step['stage']}: {_stage_words(step)}"
        lines.append(_row(name, step[metric], step["seconds"], share))
    if known:
        lines.append(
            "(learned: how far the held-out loss is below that of one answer for all texts)"
        )
    lines += [
        "",
        f"{word} kept      {results['retained']:.1f}% of the teacher's (95% interval {low:.1f} to "
        f"{high:.1f})",
        f"parameters   {teacher['parameters']:,} -> {student['parameters']:,} "
        f"({results['compression']:.1f}x smaller)",
        f"on disk      {student['bytes'] / 1e6:.1f} MB",
    ]
    for size, batch in results["latency"]["teacher"].items():
        mine = results["latency"]["student"][size]["median"]
        lines.append(
            f"latency      {size.replace('_', ' '):9} teacher {batch['median']:8.2f} ms, student "
            f"{mine:8.2f} ms ({batch['median'] / mine:.1f}x faster; 32 wordpieces, plain "
            "TensorFlow)"
        )
    if unseen := results["unseen"].get("student"):
        lines.append(
            f"unseen       {results['unseen']['sentences']:,} test sentences that training never "
            f"showed: teacher {results['unseen']['teacher']['mean']:.2f}, student "
            f"{unseen['mean']:.2f}"
        )
    lines += [
        "",
        *_languages(teacher[metric]["per_language"], student[metric]["per_language"], word),
    ]
    lines += ["", f"student      {student['folder']}"]
    if results["saved_model"]:
        lines += [f"SavedModel   {results['saved_model']}", "", *_example(results["example"])]
    lines.append(
        f"\n{results['seconds'] / 60:.1f} minutes, {results['peak_memory_bytes'] / 2**30:.1f} GiB "
        "at the peak."
    )
    return "\n".join(lines)


def learned(step: dict[str, Any]) -> float | None:
    """How much a step's student knows of the teacher's targets.

    Args:
        step: of `results.json`.

    Returns:
        0 where its held-out loss is that of the best constant answer, 1 where it is none, negative
        where it is higher; None for steps whose loss has no such measure.
    """
    if not step.get("constant_loss"):
        return None
    return 1 - step["history"][step["best_epoch"]]["validation_loss"] / step["constant_loss"]


def _row(
    name: str, score: dict[str, Any] | None, seconds: float, share: float | None = None
) -> str:
    scored = f"{'-':>8}{'':>11}" if score is None else f"{score['mean']:>8.2f}{score['std']:>11.2f}"
    known = "" if share is None else f"{max(share, 0):>10.0%}"
    return f"{name:36}{scored}{seconds:>10.0f}{known}"


def _stage_words(step: dict[str, Any]) -> str:
    losses = step["name"].split("-", 1)[1].split(f"-{step['newest']}")[0].replace("-", " + ")
    words = losses if step["newest"] == "all" else f"{losses}, + {step['newest']}"
    return f"{words} ({step['language']})" if step["language"] else words


def _languages(teacher: dict[str, float], student: dict[str, float], word: str) -> list[str]:
    """Scores per language, several to a line."""
    if set(teacher) == {""}:
        return []
    cells = [
        f"{name or '(none)':>7} {teacher[name]:5.1f} -> {student[name]:5.1f}" for name in teacher
    ]
    lines = [f"{word} per language, teacher -> student:"]
    return lines + [
        "".join(f"{cell:>24}" for cell in cells[i : i + 4]) for i in range(0, len(cells), 4)
    ]


def _example(example: dict[str, Any]) -> list[str]:
    if isinstance(example["answer"], str):
        return [f"for example  {example['text']}", f"             -> {example['answer']}"]
    words = [word if tag == "O" else f"{word}[{tag}]" for word, tag in example["answer"]]
    return [f"for example  {' '.join(words)}"]
