"""What a run tells its user at the end. Needs neither TensorFlow nor pandas."""

from collections.abc import Mapping

from xtremedistil.report.schema import TEACHER, AnsweredExample, RunResults, Score, Step


def summary(results: RunResults) -> str:
    """The end of a run, in a terminal's width."""
    teacher, student = results.teacher, results.student
    word = "F1" if teacher.f1 else "accuracy"
    lines = ["", *_steps(results, word), ""]
    lines += [
        f"{word} kept      {_kept(results)}",
        f"parameters   {teacher.parameters:,} -> {student.parameters:,} "
        f"({results.compression:.1f}x smaller)",
        f"on disk      {student.bytes / 1e6:.1f} MB",
    ]
    for size, batch in results.latency.teacher.items():
        mine = results.latency.student[size].median
        lines.append(
            f"latency      {size.replace('_', ' '):9} teacher {batch.median:8.2f} ms, student "
            f"{mine:8.2f} ms ({batch.median / mine:.1f}x faster; 32 wordpieces, plain TensorFlow)"
        )
    if unseen := results.unseen.student:
        lines.append(
            f"unseen       {results.unseen.sentences:,} test sentences that training never showed: "
            f"teacher {_number(results.unseen.teacher.mean)}, student {_number(unseen.mean)}"
        )
    lines += ["", *_languages(teacher.score.per_language, student.score.per_language, word)]
    lines += ["", f"student      {student.folder}"]
    if results.saved_model:
        lines.append(f"SavedModel   {results.saved_model}")
    if results.example:
        lines += ["", *_example(results.example)]
    lines.append(
        f"\n{results.seconds / 60:.1f} minutes, {results.peak_memory_bytes / 2**30:.1f} GiB at the "
        "peak."
    )
    return "\n".join(lines)


def _kept(results: RunResults) -> str:
    if results.retained is None:
        return "undefined: the test set has no entity"
    low, high = results.retained_interval
    return f"{results.retained:.1f}% of the teacher's (95% interval {low:.1f} to {high:.1f})"


def _number(score: float | None, digits: int = 2) -> str:
    """A score, or that there is none: nothing was there to be found."""
    return "none" if score is None else f"{score:.{digits}f}"


def _steps(results: RunResults, word: str) -> list[str]:
    """A row for the teacher and each step."""
    shares = [learned(step) for step in results.steps]
    known = any(share is not None for share in shares)
    head = f"{'':36}{word:>8}{'  std. dev.':>11}{'seconds':>10}" + f"{'learned':>10}" * known
    lines = [head, _row("teacher", results.teacher.score, results.parts[TEACHER].seconds)]
    for step, share in zip(results.steps, shares, strict=True):
        lines.append(_row(f"stage {step.stage}: {_words(step)}", step.score, step.seconds, share))
    if known:
        lines.append(
            "(learned: how far the held-out loss is below that of one answer for all texts)"
        )
    return lines


def learned(step: Step) -> float | None:
    """How much a step's student knows of the teacher's targets.

    Returns:
        0 where its held-out loss is that of the best constant answer, 1 where it is none, negative
        where it is higher; None for steps whose loss has no such measure.
    """
    if not step.constant_loss:
        return None
    return 1 - step.history[step.best_epoch].validation_loss / step.constant_loss


def _row(name: str, score: Score | None, seconds: float, share: float | None = None) -> str:
    scored = f"{'-':>8}{'':>11}"
    if score is not None:
        scored = f"{_number(score.mean):>8}{_number(score.std):>11}"
    known = "" if share is None else f"{max(share, 0):>10.0%}"
    return f"{name:36}{scored}{seconds:>10.0f}{known}"


def _words(step: Step) -> str:
    losses = step.name.split("-", 1)[1].split(f"-{step.newest}")[0].replace("-", " + ")
    words = losses if step.newest == "all" else f"{losses}, + {step.newest}"
    return f"{words} ({step.language})" if step.language else words


def _languages(
    teacher: Mapping[str, float | None], student: Mapping[str, float | None], word: str
) -> list[str]:
    """Scores per language, several to a line."""
    if set(teacher) == {""}:
        return []
    cells = [
        f"{name or '(none)':>7} {_number(teacher[name], 1):>5} -> {_number(student[name], 1):>5}"
        for name in teacher
    ]
    rows = [cells[i : i + 4] for i in range(0, len(cells), 4)]
    lines = ["".join(f"{cell:>24}" for cell in row) for row in rows]
    return [f"{word} per language, teacher -> student:", *lines]


def _example(example: AnsweredExample) -> list[str]:
    if isinstance(example.answer, str):
        return [f"for example  {example.text}", f"             -> {example.answer}"]
    words = [word if tag == "O" else f"{word}[{tag}]" for word, tag in example.answer]
    return [f"for example  {' '.join(words)}"]
