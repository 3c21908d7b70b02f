"""Scores, sizes and speed of a finished run: `results.json`, and the summary that a run ends with.

The test set is read here, after all training, over the saved weights of every step; nothing is
chosen by it.
"""

import os
from typing import Any

import numpy as np
import safetensors.numpy
from absl import logging

from xtremedistil import artifacts
from xtremedistil.artifacts import Part
from xtremedistil.data.examples import read_examples
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.transfer import USAGE
from xtremedistil.experiments.environment import hardware, versions
from xtremedistil.experiments.run import Run
from xtremedistil.models.bundle import bundle_bytes
from xtremedistil.progress import progress
from xtremedistil.scoring.evaluate import evaluate, forward_of
from xtremedistil.scoring.metrics import by_language, kept_interval
from xtremedistil.serving.benchmark import model_latency
from xtremedistil.serving.export import answer_texts, export_saved_model

RESULTS = "results.json"
_COUNTS = "counts.safetensors"


class Scores:
    """Test scores of a run's models, each computed once and kept beside what it was computed
    from."""

    def __init__(self, run: Run):
        self.run = run
        self.test = run.split("test", cut=False)

    def of_teacher(self) -> tuple[dict[str, Any], np.ndarray]:
        """The teacher's scores, and its counts per sentence."""
        limit = self.run.checkpoint.config.max_positions
        return self._score(
            "teacher",
            self.run.teacher,
            lambda: forward_of(self.run.teacher_model(), "logits"),
            limit,
        )

    def of_step(self, number: int) -> tuple[dict[str, Any], np.ndarray]:
        """The scores of the student after a step, and its counts per sentence."""
        step = self.run.steps[number]
        return self._score(
            step.name,
            self.run.step_parts[number],
            lambda: forward_of(self.run.step_model(number), step.head, self.run.rows),
            None,
        )

    def _score(
        self, name: str, scored: Part, forward: Any, limit: int | None
    ) -> tuple[dict[str, Any], np.ndarray]:
        config = self.run.config
        cut = config.data.max_seq_length if config.data.truncate_scoring else None
        inputs = {
            "scored": scored.fingerprint,
            "labeled data": self.run.labeled.fingerprint,
            "cut": cut,
        }
        part = Part(os.path.join(config.run.output_dir, "scores", name), inputs)
        part.check(overwrite=True)

        def score() -> tuple[dict[str, Any], tuple[str, ...]]:
            scores, counts = evaluate(
                forward(), self.test, self.run.labels, self.run.data["languages"], limit, cut
            )
            artifacts.write_bytes(part.path(_COUNTS), safetensors.numpy.save({"counts": counts}))
            return scores, (_COUNTS,)

        results = part.ensure(score)
        return results, safetensors.numpy.load(artifacts.read_bytes(part.path(_COUNTS)))["counts"]


def unseen_rows(run: Run, test: Ragged) -> np.ndarray:
    """`(test sentences,)` bool: those that occur in neither D_l nor D_u (D_u holds D_l)."""
    wanted = test.sentences["hash"]
    seen = np.zeros(len(wanted), bool)
    for name in artifacts.list_folder(run.transfer.folder):
        if name.endswith(".safetensors") and name != USAGE:
            shard = Ragged.load(run.transfer.path(name))
            seen |= np.isin(wanted, shard.sentences["hash"])
    return ~seen


def collect(
    run: Run, step_records: list[dict[str, Any]], target_cost: dict[str, Any]
) -> dict[str, Any]:
    """Scores every model, exports the last, measures speed, and writes `results.json`.

    Args:
        run: with all its parts made.
        step_records: of `Run.distil`.
        target_cost: of `Run.make_targets`.

    Returns:
        The content of `results.json`.
    """
    scores = Scores(run)
    scored = [i for i, step in enumerate(run.steps) if step.head is not None]
    with progress("scoring the test set", 1 + len(scored), "models") as bar:
        teacher, teacher_counts = scores.of_teacher()
        bar.update()
        of_steps: dict[int, tuple] = {}
        for number in scored:
            of_steps[number] = scores.of_step(number)
            bar.update()
    student, student_counts = of_steps[scored[-1]]
    folder = run.save_student()
    saved_model = os.path.join(run.config.run.output_dir, "export", "saved_model")
    logging.info("exporting %s", saved_model)
    export_saved_model(folder, saved_model)
    metric, language = run.metric_name, scores.test.sentences["language"]
    kept = kept_interval(teacher_counts, student_counts, language)
    unseen = unseen_rows(run, scores.test)
    steps = [
        {
            "name": step.name,
            "stage": step.stage,
            "trained": list(step.trained),
            "newest": step.newest,
            metric: of_steps[number][0][metric] if number in of_steps else None,
            **{k: record[k] for k in ("seconds", "peak_memory_bytes", "best_epoch", "history")},
        }
        for number, (step, record) in enumerate(zip(run.steps, step_records, strict=True))
    ]
    costs = {
        "labeled data": run.data,
        "transfer set": run.transfer_data,
        "teacher": run.teacher_record,
        "targets": target_cost,
    }
    parts = {name: _cost(record) for name, record in costs.items()}
    parts |= {step["name"]: _cost(step) for step in steps}
    results = {
        "task": run.config.data.task,
        "strategy": run.config.distillation.strategy,
        "teacher": teacher
        | {
            "name": run.config.teacher.teacher,
            "parameters": run.teacher_record["parameters"],
            "fine_tuned": not run.ready_teacher,
            "history": run.teacher_record.get("history"),
        },
        "student": student
        | {
            "parameters": run.student_shape.deployed_parameters,
            "bytes": bundle_bytes(folder),
            "shape": run.student_shape.to_dict(),
            "folder": folder,
        },
        "steps": steps,
        "retained": kept["percent"],
        "retained_interval": [kept["low"], kept["high"]],
        "compression": run.teacher_record["parameters"] / run.student_shape.deployed_parameters,
        "unseen": _unseen_scores(run, unseen, teacher_counts, student_counts, language),
        "unknown_piece_rate": _unknown_rate(run, scores.test),
        "data": {
            "sentences_per_language": run.data["sentences_per_language"],
            "splits_from": run.data["splits_from"],
            "repaired_tags": run.data["repaired_tags"],
            "transfer": {
                k: v
                for k, v in run.transfer_data.items()
                if k in ("sentences", "pieces", "longest", "held_out")
            },
        },
        "latency": _latencies(run),
        "saved_model": saved_model,
        "example": _example(run, saved_model),
        "parts": parts,
        "seconds": sum(part["seconds"] for part in parts.values()),
        "peak_memory_bytes": max(part["peak_memory_bytes"] for part in parts.values()),
        "fingerprints": {
            "labeled data": run.labeled.fingerprint,
            "transfer set": run.transfer.fingerprint,
            "teacher": run.teacher.fingerprint,
            "student": run.step_parts[-1].fingerprint,
        },
        "seeds": {
            "seed": run.config.run.seed,
            "teacher_seed": run.config.teacher.teacher_seed,
            "data_seed": run.config.data.data_seed,
        },
        "versions": versions(),
        "hardware": hardware(),
        "config": run.config.to_dict(),
    }
    artifacts.write_json(os.path.join(run.config.run.output_dir, RESULTS), results)
    return results


def _cost(record: dict[str, Any]) -> dict[str, float]:
    return {name: record.get(name, 0) for name in ("seconds", "peak_memory_bytes")}


def _unseen_scores(
    run: Run, unseen: np.ndarray, teacher: np.ndarray, student: np.ndarray, language: np.ndarray
) -> dict[str, Any]:
    """Scores on the test sentences that no training data shows."""
    names = run.data["languages"]
    if not unseen.any():
        return {"sentences": 0}
    return {
        "sentences": int(unseen.sum()),
        "teacher": by_language(teacher[unseen], 2, language[unseen], names),
        "student": by_language(student[unseen], 2, language[unseen], names),
    }


def _unknown_rate(run: Run, test: Ragged) -> float:
    """Percent of the test set's pieces that the student's vocabulary lacks."""
    lacking = np.ones(len(run.rows), bool)
    lacking[run.pieces] = False
    return 100 * float(lacking[test.pieces["ids"]].mean())


def _latencies(run: Run) -> dict[str, Any]:
    student = run.step_model(-1)
    models = {
        "teacher": (run.teacher_model(), run.checkpoint.config.vocabulary_size, "logits"),
        "student": (student, run.student_shape.vocabulary_size, run.steps[-1].head),
    }
    return model_latency(models)


def _example(run: Run, saved_model: str) -> dict[str, Any]:
    """A test sentence, as the exported student answers it."""
    source = run.sources[run.data["splits_from"]["test"]][0]
    example = next(read_examples(source.path, source.file_format, source.language))
    text = " ".join(example.words)
    return {"text": text, "answer": answer_texts(saved_model, [text])[0]}
