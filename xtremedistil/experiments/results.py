"""Scores, sizes and speed of a finished run: `results.json`, and what to look at beside it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from absl import logging

from xtremedistil.config import StudentConfig
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.unlabeled import AGREEMENT
from xtremedistil.distil.losses import LABELS, LOGITS, REPRESENTATION
from xtremedistil.experiments.agreement_scores import agreement
from xtremedistil.experiments.disagreements import find_disagreements, test_examples
from xtremedistil.experiments.latency import time_run
from xtremedistil.experiments.run import Run
from xtremedistil.experiments.scores import RunScores, Scored, ScoredModels, score_models
from xtremedistil.report import schema
from xtremedistil.report.model_card import CARD, model_card
from xtremedistil.report.schema import RunResults, TeacherResults
from xtremedistil.runtime import files
from xtremedistil.runtime.environment import hardware, versions
from xtremedistil.runtime.progress import progress
from xtremedistil.runtime.typed_json import parse, to_json
from xtremedistil.scoring.metrics import by_language, kept_interval
from xtremedistil.serving.graph.saved_model import answer_texts, export_saved_model
from xtremedistil.students.bundle import bundle_bytes
from xtremedistil.students.registry import KINDS
from xtremedistil.students.shape import StudentShape

_WEIGHED = dict(zip(schema.WEIGHTS, (LABELS, REPRESENTATION, LOGITS), strict=True))


def collect(
    run: Run, step_records: list[dict[str, Any]], target_cost: dict[str, Any]
) -> RunResults:
    """Scores every model, exports the last, measures speed, and writes `results.json`.

    Args:
        run: with all its parts made.
        step_records: of `Run.distil`.
        target_cost: of `RunTargets.make`.

    Returns:
        The content of `results.json`.
    """
    tested = schema.TEST in run.data.prepare_labeled()["splits_from"]
    scored = score_models(run) if tested else None
    agreeing = None if run.labeled else score_models(run, unlabeled=True)
    models = scored or agreeing
    folder = run.student.save()
    saved_model = _export(run, folder)
    example = _show(run, models, saved_model)
    steps = _steps(run, step_records, scored, agreeing)
    parts = _parts(run, steps, target_cost)
    retained, interval = _kept(run, scored) if scored else (None, None)
    results = RunResults(
        task=run.config.data.task,
        strategy=run.strategy.name,
        teacher=_teacher(run, scored and scored.teacher),
        student=_student(run, scored and scored.student, folder),
        steps=steps,
        retained=retained,
        retained_interval=interval,
        agreement=agreeing and agreement(run, agreeing.test, agreeing.student),
        compression=run.teacher.make()["parameters"]
        / run.student.find_served_shape().deployed_parameters,
        unseen=_unseen_scores(run, scored) if scored else schema.Unseen(sentences=0),
        unknown_piece_rate=_unknown_rate(run, models.test),
        data=_data(run, run.data.prepare_transfer()),
        latency=time_run(run, folder),
        saved_model=saved_model,
        example=example,
        parts=parts,
        seconds=sum(part.seconds for part in parts.values()),
        processor_seconds=_sum_known([part.processor_seconds for part in parts.values()]),
        peak_memory_bytes=max(part.peak_memory_bytes for part in parts.values()),
        fingerprints=_fingerprints(run, models.test) | _student_fingerprints(run),
        idle_flags=_idle_flags(run),
        **_provenance(run),
    )
    _write(run, schema.RESULTS, results)
    _write_cards(run, results, folder)
    return results


def collect_teacher(run: Run) -> TeacherResults:
    """Scores the teacher alone, or one per language (Table 5), and writes `results.json`.

    Args:
        run: with its teacher.

    Returns:
        The content of `results.json`, which says nothing of a student.
    """
    scores = RunScores(run)
    with progress("scoring the test set", len(scores.test), "sentences") as bar:
        scored = scores.of_teacher(bar.update)
    results = TeacherResults(
        task=run.config.data.task,
        teacher=_teacher(run, scored),
        data=_data(run),
        fingerprints=_fingerprints(run, scores.test),
        **_provenance(run),
    )
    _write(run, schema.RESULTS, results)
    return results


def _write(run: Run, name: str, values: Any) -> None:
    files.write_json(os.path.join(run.config.run.output_dir, name), to_json(values))


def _write_cards(run: Run, results: RunResults, folder: str) -> None:
    """Writes the card of each final student into its folder."""
    for number in run.student.final_steps():
        language = run.student.plan_steps()[number].language
        path = os.path.join(folder, *([language] if language else []), CARD)
        files.write_bytes(path, model_card(results, language).encode("utf-8"))


# Scoring


def _kept(run: Run, models: ScoredModels) -> tuple[float | None, list[float]]:
    """The share of the teacher's score that the student keeps, in percent, None where the teacher's
    is undefined; and its interval."""
    languages = models.test.sentences["language"]
    kept = kept_interval(models.teacher.counts, models.student.counts, languages)
    undefined = models.teacher.scores[run.metric_name]["mean"] is None
    return None if undefined else kept["percent"], [kept["low"], kept["high"]]


def _scores(scored: Scored | None) -> dict[str, Any]:
    """The fields of `schema.Scores`; none without a labeled test set."""
    if scored is None:
        return {}
    return vars(parse(schema.Scores, scored.scores, "scores:", strict=True))


def _teacher(run: Run, scored: Scored | None) -> schema.Teacher:
    record = {} if run.config.teacher.teacher_per_language else run.teacher.make()
    history = record.get("history")
    return schema.Teacher(
        **_scores(scored),
        name=run.config.teacher.teacher,
        fine_tuned=not run.ready_teacher,
        parameters=record.get("parameters"),
        history=None if history is None else _history(history),
    )


def _student(run: Run, scored: Scored | None, folder: str) -> schema.Student:
    shape = run.student.find_served_shape()
    return schema.Student(
        **_scores(scored),
        dev=parse(schema.Metric, run.development.of_final_students(), "development scores:"),
        parameters=shape.deployed_parameters,
        models=len(run.student.final_steps()),
        bytes=max(bundle_bytes(os.path.join(folder, name)) for name in run.student.languages()),
        shape=shape.to_dict(),
        folder=folder,
        kind=shape.encoder,
        size=size_of(shape.encoder, shape),
    )


def size_of(kind: str, options: StudentShape | StudentConfig) -> dict[str, int]:
    """The flags that are the size of a kind of student, and their values."""
    return {name: getattr(options, name) for name in _size_flags(kind)}


def _size_flags(kind: str) -> tuple[str, str]:
    return "embedding_dim", KINDS[kind].size


def _steps(
    run: Run,
    records: Sequence[dict[str, Any]],
    scored: ScoredModels | None,
    agreeing: ScoredModels | None,
) -> list[schema.Step]:
    def measured(models: ScoredModels | None, number: int) -> schema.Score | None:
        found = models.steps.get(number) if models else None
        return found and _scores(found)[run.metric_name]

    return [
        schema.Step(
            name=step.name,
            stage=step.stage,
            language=step.language,
            trained=list(step.trained),
            newest=step.newest,
            seconds=record["seconds"],
            processor_seconds=record.get("processor_seconds"),
            peak_memory_bytes=record["peak_memory_bytes"],
            best_epoch=record["best_epoch"],
            history=_history(record["history"]),
            waiting_seconds=record.get("waiting_seconds"),
            constant_loss=record.get("constant_loss"),
            agreement=measured(agreeing, number),
            **{run.metric_name: measured(scored, number)},
        )
        for number, (step, record) in enumerate(zip(run.student.plan_steps(), records, strict=True))
    ]


def _history(entries: list[dict[str, Any]]) -> list[schema.Epoch]:
    return parse(list[schema.Epoch], entries, "history:", strict=True)


def _unseen_scores(run: Run, models: ScoredModels) -> schema.Unseen:
    """Scores on the test sentences that occur in neither D_l nor D_u (which holds D_l)."""
    seen = run.data.is_in_transfer(models.test)
    if seen.all():
        return schema.Unseen(sentences=0)
    language = models.test.sentences["language"][~seen]
    names = run.data.prepare_labeled()["languages"]
    teacher, student = (
        schema.Score(**by_language(scored.counts[~seen], 2, language, names))
        for scored in (models.teacher, models.student)
    )
    return schema.Unseen(sentences=int((~seen).sum()), teacher=teacher, student=student)


def _unknown_rate(run: Run, test: Ragged) -> float:
    return 100 * float(run.data.lacks_row()[test.pieces["ids"]].mean())


# Export


def _export(run: Run, folder: str) -> str | None:
    """The SavedModel of a run's student; several students, one per language, have none."""
    saved_model = os.path.join(run.config.run.output_dir, "export", "saved_model")
    if run.strategy.per_language:
        files.remove(saved_model)  # one that is there is another strategy's
        return None
    if not run.config.run.export:
        return None
    logging.info("exporting %s", saved_model)
    export_saved_model(folder, saved_model)
    return saved_model


def _show(run: Run, models: ScoredModels, saved_model: str | None) -> schema.AnsweredExample | None:
    """Writes the test sentences on which teacher and student disagree most; returns one, as the
    exported student answers it, or None where there is none that reads text."""
    examples = test_examples(run, schema.TEST if models.teacher else AGREEMENT)
    found = find_disagreements(run, examples, models.test, models.teacher, models.student)
    _write(run, schema.DISAGREEMENTS, found)
    text = " ".join(examples[0].words)
    answers = answer_texts(saved_model, [text]) if saved_model else None
    return schema.AnsweredExample(text=text, answer=answers[0]) if answers else None


# Speed and costs


def _parts(
    run: Run, steps: Sequence[schema.Step], target_cost: dict[str, Any]
) -> dict[str, schema.Cost]:
    """What each part of a run cost."""
    records = {
        schema.LABELED: run.data.prepare_labeled(),
        schema.TRANSFER: run.data.prepare_transfer(),
        schema.TEACHER: run.teacher.make(),
        "rows": run.rows.make(),
        **({"added rows": run.rows.make_added()} if run.rows.added() else {}),
        "targets": target_cost,
        **{step.name: vars(step) for step in steps},
    }
    nothing = dict.fromkeys(("seconds", "processor_seconds", "peak_memory_bytes"), 0)
    costs = {name: record if "seconds" in record else nothing for name, record in records.items()}
    return {
        name: schema.Cost(**{kind: cost.get(kind) for kind in nothing})
        for name, cost in costs.items()
    }


def _sum_known(values: Sequence[float | None]) -> float | None:
    """A sum, or None where a part of it is not known."""
    return None if None in values else sum(values)


# Where the numbers come from


def _data(run: Run, transfer: Mapping[str, Any] | None = None) -> schema.Data:
    """The facts of a run's data that `results.json` has."""
    data = parse(schema.Data, run.data.prepare_labeled(), "labeled data:")
    if transfer is None:
        return data
    return replace(data, transfer=parse(schema.Transfer, transfer, "transfer set:"))


def _fingerprints(run: Run, test: Ragged) -> dict[str, str]:
    return {
        schema.LABELED: run.parts.labeled.fingerprint,
        schema.TEST: files.fingerprint(test.sentences["hash"].tolist()),
        schema.TEACHER: run.parts.teacher.fingerprint,
    }


def _student_fingerprints(run: Run) -> dict[str, str]:
    finals = [run.student.step_parts()[number] for number in run.student.final_steps()]
    made_by = [part.fingerprint for part in (*finals, *run.rows.added_parts())]
    return {
        schema.TRANSFER: run.parts.transfer.fingerprint,
        schema.STUDENT: files.fingerprint(made_by),
    }


def _idle_flags(run: Run) -> list[str]:
    """The flags that do nothing in a run: sizes of other students, weights of no joint stage."""
    stages = run.strategy.stages
    joint = {loss for stage in stages if len(stage.losses) > 1 for loss in stage.losses}
    sizes = {name for kind in KINDS for name in _size_flags(kind)}
    idle = sizes - set(_size_flags(run.config.student.student))
    return sorted(idle | {name for name, loss in _WEIGHED.items() if loss not in joint})


def _provenance(run: Run) -> dict[str, Any]:
    """The fields of `TeacherResults` on what made them."""
    config = run.config
    return {
        "seeds": {
            "seed": config.run.seed,
            "teacher_seed": config.teacher.teacher_seed,
            "data_seed": config.data.data_seed,
        },
        "versions": versions(),
        "hardware": schema.Hardware(**hardware()),
        "config": config.to_dict(),
    }
