"""What a run tells its user at the end. Needs neither TensorFlow nor pandas."""

from collections.abc import Sequence

from xtremedistil.report.schema import (
    TEACHER,
    Agreement,
    AnsweredExample,
    Latency,
    RunResults,
    Score,
    Step,
)


def summary(results: RunResults) -> str:
    """The end of a run, in a terminal's width."""
    teacher, student, agreement = results.teacher, results.student, results.agreement
    word = "F1" if results.task == "ner" else "accuracy"
    lines = ["", *_steps(results, word), ""]
    if agreement:
        lines += _agreement(agreement, word, labeled=teacher.score is not None)
    if teacher.score:
        lines.append(f"{word} kept      {_kept(results)}")
    lines += [
        f"parameters   {teacher.parameters:,} -> {student.parameters:,} "
        f"({results.compression:.1f}x smaller)",
        f"on disk      {student.bytes / 1e6:.1f} MB",
        *_latency(results.latency),
    ]
    if unseen := results.unseen.student:
        lines.append(
            f"unseen       {results.unseen.sentences:,} test sentences that training never showed: "
            f"teacher {_number(results.unseen.teacher.mean)}, student {_number(unseen.mean)}"
        )
    if agreement:
        lines += ["", *_languages([agreement.score], "agreement with the teacher per language")]
    if teacher.score:
        title = f"{word} per language, teacher -> student"
        lines += ["", *_languages([teacher.score, student.score], title)]
    lines += ["", f"student      {student.folder}"]
    if results.saved_model:
        lines.append(f"SavedModel   {results.saved_model}")
    if results.example:
        lines += ["", *_example(results.example)]
    worked = results.processor_seconds
    cores = "" if worked is None else f" ({worked / 60:.1f} of processor time)"
    lines += [
        "",
        f"{results.seconds / 60:.1f} minutes{cores}, "
        f"{results.peak_memory_bytes / 2**30:.1f} GiB at the peak.",
        "",
        *_next(results),
    ]
    return "\n".join(lines)


def _latency(latency: Latency) -> list[str]:
    """How much faster the student is as it would be served, and in plain TensorFlow."""
    forms = {"in plain TensorFlow": latency.student}
    if latency.exported:
        forms = {f"as exported ({latency.export})": latency.exported} | forms
    what = f"a batch of sentences of {latency.pieces} wordpieces"
    lines = [f"latency      {what}, teacher in plain TensorFlow"]
    for name, form in forms.items():
        for size, batch in latency.teacher.items():
            mine = form[size].median
            lines.append(
                f"  {size.replace('_', ' '):10} teacher {batch.median:8.2f} ms, student "
                f"{mine:8.3f} ms ({batch.median / mine:.1f}x faster) {name}"
            )
    return lines


def _next(results: RunResults) -> list[str]:
    """The commands that come next; students of single languages are named by no one folder."""
    if results.student.models > 1:
        return []
    run = results.config["run"]["output_dir"]
    commands = [
        f"predict --model={results.student.folder} --input=texts.txt",
        f"export --model={results.student.folder} --format=onnx --quantize=int8 "
        f"--output_dir={run}/export/onnx",
        f"demo --model={results.student.folder} --teacher={run}",
    ]
    first, *others = (f"xtremedistil {command}" for command in commands)
    return [f"next         {first}", *(f"             {other}" for other in others)]


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
    if results.teacher.score is None:  # what follows is no score
        lines = [f"{'agreement with the teacher':36}{head[36:]}"]
    for step, share in zip(results.steps, shares, strict=True):
        score = step.score or (None if results.teacher.score else step.agreement)
        lines.append(_row(f"stage {step.stage}: {_words(step)}", score, step.seconds, share))
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


def _agreement(agreement: Agreement, word: str, labeled: bool) -> list[str]:
    """What the student's agreement with the teacher is, and is not."""
    low, high = agreement.interval
    words = ""
    if agreement.word_accuracy:
        words = f", {agreement.word_accuracy.mean:.2f}% of words alike"
    lines = [
        f"agreement    {word} {_number(agreement.score.mean)} "
        f"(95% interval {low:.2f} to {high:.2f})"
        f"{words}, on {agreement.sentences:,} held-out texts"
    ]
    note = "with the teacher's answers in the place of labels: how alike the two are, not how right"
    lines.append(f"             {note}")
    return lines if labeled else [*lines, "             (no labeled test set was given)"]


def _languages(scores: Sequence[Score], title: str) -> list[str]:
    """Scores per language, several to a line."""
    names = list(scores[0].per_language)
    if set(names) in ({""}, {"all"}):
        return []
    cells = [
        f"{name or '(none)':>7} "
        + " -> ".join(f"{_number(score.per_language[name], 1):>5}" for score in scores)
        for name in names
    ]
    rows = [cells[i : i + 4] for i in range(0, len(cells), 4)]
    return [f"{title}:", *("".join(f"{cell:>24}" for cell in row) for row in rows)]


def _example(example: AnsweredExample) -> list[str]:
    if isinstance(example.answer, str):
        return [f"for example  {example.text}", f"             -> {example.answer}"]
    words = [word if tag == "O" else f"{word}[{tag}]" for word, tag in example.answer]
    return [f"for example  {' '.join(words)}"]
