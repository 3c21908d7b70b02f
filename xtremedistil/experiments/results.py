"""Scores, sizes and speed of a finished run: `results.json`, and what to look at beside it."""

import os
from typing import Any

import numpy as np
from absl import logging

from xtremedistil.benchmark.latency import model_latency
from xtremedistil.data.formats import Example
from xtremedistil.data.labeled import split_examples
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.transfer import USAGE
from xtremedistil.experiments.run import Run
from xtremedistil.experiments.scores import RunScores, Scored
from xtremedistil.runtime import files
from xtremedistil.runtime.environment import hardware, versions
from xtremedistil.runtime.progress import progress
from xtremedistil.scoring.metrics import by_language, kept_interval
from xtremedistil.scoring.predictions import word_tags
from xtremedistil.serving.graph.saved_model import answer_texts, export_saved_model
from xtremedistil.students.bundle import bundle_bytes

RESULTS, DISAGREEMENTS = "results.json", "disagreements.json"
_SHOWN_DISAGREEMENTS = 20


def collect(
    run: Run, step_records: list[dict[str, Any]], target_cost: dict[str, Any]
) -> dict[str, Any]:
    """Scores every model, exports the last, measures speed, and writes `results.json`.

    Args:
        run: with all its parts made.
        step_records: of `Run.distil`.
        target_cost: of `RunTargets.make`.

    Returns:
        The content of `results.json`.
    """
    scores = RunScores(run)
    scored = [i for i, step in enumerate(run.student.plan_steps()) if step.head is not None]
    with progress("scoring the test set", 1 + len(scored), "models") as bar:
        teacher = scores.of_teacher()
        bar.update()
        of_steps: dict[int, Scored] = {}
        for number in scored:
            of_steps[number] = scores.of_steps([number])
            bar.update()
    student = scores.of_steps(run.student.final_steps())
    folder = run.student.save()
    saved_model = _export(run, folder)
    _write(run, DISAGREEMENTS, _disagreements(run, scores.test, teacher, student))
    kept = kept_interval(teacher.counts, student.counts, scores.test.sentences["language"])
    steps = _steps(run, step_records, of_steps)
    parts = {
        "labeled data": _cost(run.data.prepare_labeled()),
        "transfer set": _cost(run.data.prepare_transfer()),
        "teacher": _cost(run.teacher.make()),
        "targets": _cost(target_cost),
        **{step["name"]: _cost(step) for step in steps},
    }
    parameters = run.teacher.make()["parameters"]
    results = {
        "task": run.config.data.task,
        "strategy": run.strategy.name,
        "teacher": _teacher(run, teacher),
        "student": _student(run, student, folder),
        "steps": steps,
        "retained": kept["percent"],
        "retained_interval": [kept["low"], kept["high"]],
        "compression": parameters / run.student.find_shape().deployed_parameters,
        "unseen": _unseen_scores(run, scores.test, teacher, student),
        "unknown_piece_rate": _unknown_rate(run, scores.test),
        "data": {
            **_data(run),
            "transfer": {k: run.data.prepare_transfer()[k] for k in _TRANSFER_FACTS},
        },
        "latency": _latencies(run),
        "saved_model": saved_model,
        "example": _example(run, saved_model) if saved_model else None,
        "parts": parts,
        "seconds": sum(part["seconds"] for part in parts.values()),
        "peak_memory_bytes": max(part["peak_memory_bytes"] for part in parts.values()),
        "fingerprints": {
            **_fingerprints(run, scores.test),
            "transfer set": run.parts.transfer.fingerprint,
            "student": files.fingerprint(
                [run.student.step_parts()[n].fingerprint for n in run.student.final_steps()]
            ),
        },
        **_provenance(run),
    }
    _write(run, RESULTS, results)
    return results


def collect_teacher(run: Run) -> dict[str, Any]:
    """Scores the teacher alone, or one per language (Table 5), and writes `results.json`.

    Args:
        run: with its teacher.

    Returns:
        The content of `results.json`, which says nothing of a student.
    """
    scores = RunScores(run)
    results = {
        "task": run.config.data.task,
        "teacher": _teacher(run, scores.of_teacher()),
        "data": _data(run),
        "fingerprints": _fingerprints(run, scores.test),
        **_provenance(run),
    }
    _write(run, RESULTS, results)
    return results


def _write(run: Run, name: str, values: dict[str, Any]) -> None:
    files.write_json(os.path.join(run.config.run.output_dir, name), values)


def _teacher(run: Run, scored: Scored) -> dict[str, Any]:
    facts = {"name": run.config.teacher.teacher, "fine_tuned": not run.ready_teacher}
    if not run.config.teacher.teacher_per_language:
        record = run.teacher.make()
        facts |= {"parameters": record["parameters"], "history": record.get("history")}
    return {**scored.scores, **facts}


def _student(run: Run, scored: Scored, folder: str) -> dict[str, Any]:
    shape = run.student.find_shape()
    return {
        **scored.scores,
        "dev": run.development.of_final_students(),
        "parameters": shape.deployed_parameters,
        "models": len(run.student.final_steps()),
        "bytes": bundle_bytes(folder),
        "shape": shape.to_dict(),
        "folder": folder,
    }


def _steps(
    run: Run, records: list[dict[str, Any]], scored: dict[int, Scored]
) -> list[dict[str, Any]]:
    metric = run.metric_name
    kept = ("seconds", "peak_memory_bytes", "best_epoch", "history")
    return [
        {
            "name": step.name,
            "stage": step.stage,
            "language": step.language,
            "trained": list(step.trained),
            "newest": step.newest,
            metric: scored[number].scores[metric] if number in scored else None,
            **{name: record[name] for name in kept},
            "waiting_seconds": record.get("waiting_seconds"),  # of the step's time, for batches
            "constant_loss": record.get("constant_loss"),  # of one answer for all texts
        }
        for number, (step, record) in enumerate(zip(run.student.plan_steps(), records, strict=True))
    ]


def _data(run: Run) -> dict[str, Any]:
    return {name: run.data.prepare_labeled()[name] for name in _DATA_FACTS}


def _fingerprints(run: Run, test: Ragged) -> dict[str, str]:
    return {
        "labeled data": run.parts.labeled.fingerprint,
        "test": files.fingerprint(test.sentences["hash"].tolist()),
        "teacher": run.parts.teacher.fingerprint,
    }


def _provenance(run: Run) -> dict[str, Any]:
    """What made these results."""
    config = run.config
    return {
        "seeds": {
            "seed": config.run.seed,
            "teacher_seed": config.teacher.teacher_seed,
            "data_seed": config.data.data_seed,
        },
        "versions": versions(),
        "hardware": hardware(),
        "config": config.to_dict(),
    }


_DATA_FACTS = ("sentences_per_language", "splits_from", "repaired_tags", "languages", "labels")
_TRANSFER_FACTS = ("sentences", "pieces", "longest", "held_out")


def _export(run: Run, folder: str) -> str | None:
    """The SavedModel of a run's student; several students, one per language, have none."""
    if run.strategy.per_language or not run.config.run.export:
        return None
    saved_model = os.path.join(run.config.run.output_dir, "export", "saved_model")
    logging.info("exporting %s", saved_model)
    export_saved_model(folder, saved_model)
    return saved_model


def _cost(record: dict[str, Any]) -> dict[str, float]:
    return {name: record.get(name, 0) for name in ("seconds", "peak_memory_bytes")}


def _unseen_scores(run: Run, test: Ragged, teacher: Scored, student: Scored) -> dict[str, Any]:
    """Scores on the test sentences that occur in neither D_l nor D_u (which holds D_l)."""
    wanted = test.sentences["hash"]
    seen = np.zeros(len(wanted), bool)
    for name in files.list_folder(run.parts.transfer.folder):
        if name.endswith(".safetensors") and name != USAGE:
            shard = Ragged.load(run.parts.transfer.path(name))
            seen |= np.isin(wanted, shard.sentences["hash"])
    if seen.all():
        return {"sentences": 0}
    names, language = run.data.prepare_labeled()["languages"], test.sentences["language"][~seen]
    return {
        "sentences": int((~seen).sum()),
        "teacher": by_language(teacher.counts[~seen], 2, language, names),
        "student": by_language(student.counts[~seen], 2, language, names),
    }


def _unknown_rate(run: Run, test: Ragged) -> float:
    """Percent of the test set's pieces that the student's vocabulary lacks."""
    lacking = np.ones(len(run.data.read_rows()), bool)
    lacking[run.data.read_pieces()] = False
    return 100 * float(lacking[test.pieces["ids"]].mean())


def _latencies(run: Run) -> dict[str, Any]:
    student, last = run.student, run.student.final_steps()[-1]
    pieces, head = student.find_shape().vocabulary_size, student.plan_steps()[last].head
    return model_latency(
        {
            "teacher": (run.teacher.load(), run.checkpoint.config.vocabulary_size, "logits"),
            "student": (student.load_step(last), pieces, head),
        }
    )


def _test_examples(run: Run) -> list[Example]:
    return split_examples(
        run.read_data, run.sources, run.data.prepare_labeled(), run.parts.labeled.folder, "test"
    )


def _example(run: Run, saved_model: str) -> dict[str, Any]:
    """A test sentence, as the exported student answers it."""
    text = " ".join(_test_examples(run)[0].words)
    return {"text": text, "answer": answer_texts(saved_model, [text])[0]}


def _disagreements(
    run: Run, test: Ragged, teacher: Scored, student: Scored
) -> dict[str, list[dict[str, Any]]]:
    """The test sentences on which teacher and student disagree most, by language.

    For the eyes of whoever owns the data: it stays in the run's folder.
    """
    labels, languages = run.data.read_labels(), run.data.prepare_labeled()["languages"]
    if labels.task == "ner":
        true, taught, learned = (
            word_tags(classes, test, labels)
            for classes in (test.pieces["labels"], teacher.classes, student.classes)
        )
    else:
        true, taught, learned = (
            [[labels.names[i]] for i in classes]
            for classes in (test.sentences["labels"], teacher.classes, student.classes)
        )
    differing = np.array([sum(a != b for a, b in zip(*pair)) for pair in zip(taught, learned)])
    examples = _test_examples(run)
    shown: dict[str, list[dict[str, Any]]] = {}
    for number, name in enumerate(languages):
        rows = np.flatnonzero((test.sentences["language"] == number) & (differing > 0))
        chosen = rows[np.argsort(-differing[rows], kind="stable")][:_SHOWN_DISAGREEMENTS]
        shown[name] = [
            {
                "words": examples[row].words,
                "true": true[row],
                "teacher": taught[row],
                "student": learned[row],
            }
            for row in chosen
        ]
    return {name: found for name, found in shown.items() if found}
