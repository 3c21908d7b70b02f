"""Small made-up results of runs and sweeps, as reports read them. No number here was measured."""

import json
import pathlib
import statistics
from typing import Any

from xtremedistil.config import Config, options

STRATEGIES = ("D0", "D0-S", "D1", "D2", "D3.1", "D3.2", "D4.1", "D4.2")
# Steps of D4.2: stage, layer; and what each adds to the F1 before it.
STEPS = [
    *((2, layer) for layer in ("head", "projection", "encoder", "embeddings")),
    *((3, layer) for layer in ("head", "projection", "encoder", "embeddings")),
]


def score(mean: float, languages: tuple[str, ...]) -> dict[str, Any]:
    """A score whose languages lie one point apart around a mean."""
    middle = (len(languages) - 1) / 2
    per_language = {name: mean + i - middle for i, name in enumerate(languages)}
    spread = statistics.pstdev(per_language.values())
    return {"mean": mean, "std": spread, "per_language": per_language}


def history(epochs: int) -> list[dict[str, Any]]:
    start = {"epoch": 0, "loss": None, "validation_loss": 2.0}
    return [
        start,
        *({"epoch": e, "loss": 1 / e, "validation_loss": 1.5 / e} for e in range(1, epochs + 1)),
    ]


def results(
    f1: float = 60.0,
    *,
    seed: int = 1,
    task: str = "ner",
    languages: tuple[str, ...] = ("de", "en", "zz"),
    test: str = "test-1",
    teacher_f1: float = 64.0,
    teacher: str = "/models/minilm",
    parameters: int = 2_000_000,
    milliseconds: float = 10.0,
    transfer: int = 30_000,
    train: int = 1000,
    **flags: Any,
) -> dict[str, Any]:
    """The content of a run's `results.json`, with flags of its configuration."""
    config = Config().to_dict()
    where = options()
    flags = {"data_dir": "/data/wikiann", "task": task, "teacher": teacher, **flags}
    for name, value in {"seed": seed, **flags}.items():
        config[where[name][0]][name] = value
    strategy = config["distillation"]["strategy"]
    metric = "f1" if task == "ner" else "accuracy"
    gradual = STEPS if strategy == "D4.2" else [(1, "all")]
    steps = [
        {
            "name": f"{number:02d}-step-{newest}",
            "stage": stage,
            "newest": newest,
            "language": None,
            metric: score(f1 - len(gradual) + number, languages),
            "seconds": 60.0,
            "best_epoch": 2,
            "history": history(3),
        }
        for number, (stage, newest) in enumerate(gradual, 1)
    ]
    speed = {"batch_1": {"median": milliseconds / 4}, "batch_32": {"median": milliseconds}}
    return {
        "task": task,
        "strategy": strategy,
        "teacher": {
            metric: score(teacher_f1, languages),
            "name": teacher,
            "parameters": 20_000_000,
            "history": history(2),
        },
        "student": {
            metric: score(f1, languages),
            "parameters": parameters,
            "shape": {"classes": 11 if task == "ner" else 4},
        },
        "steps": steps,
        "retained": 100 * f1 / teacher_f1,
        "retained_interval": [90.0, 95.0],
        "compression": 20_000_000 / parameters,
        "data": {
            "sentences_per_language": {
                "train": dict.fromkeys(languages, train),
                "dev": dict.fromkeys(languages, 100),
                "test": dict.fromkeys(languages, 500),
            },
            "transfer": {"sentences": transfer},
        },
        "latency": {
            "teacher": {"batch_1": {"median": 20.0}, "batch_32": {"median": 200.0}},
            "student": speed,
        },
        "seconds": 600.0,
        "fingerprints": {"test": test, "teacher": f"of {teacher} on {test}"},
        "seeds": {"seed": seed, "teacher_seed": 0, "data_seed": 0},
        "hardware": {"cpu": "Made-up CPU", "cores": 2, "gpus": []},
        "config": config,
    }


def one_teacher_per_language(f1: float = 66.0) -> dict[str, Any]:
    """The results of a run that stops after its teachers, one per language."""
    values = results(teacher_f1=f1, teacher="/models/each", teacher_per_language=True)
    there = ("task", "teacher", "data", "fingerprints", "seeds", "versions", "hardware", "config")
    return {name: value for name, value in values.items() if name in there}


def write_run(folder: pathlib.Path, values: dict[str, Any]) -> str:
    """Writes a run's folder; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(values), encoding="utf-8")
    return str(folder)


def write_sweep(
    folder: pathlib.Path,
    runs: list[tuple[dict[str, Any], dict[str, Any] | None]],
    **others: Any,
) -> str:
    """Writes a sweep's folder.

    Args:
        folder: where.
        runs: axes and results of each run; None for one that is planned and not done.
        others: more entries of `sweep.json`.

    Returns:
        Its path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    listed = []
    for number, (axes, values) in enumerate(runs):
        listed.append({"id": f"run-{number}", "axes": axes, "folder": f"runs/{number}"})
        if values is not None:
            write_run(folder / "runs" / str(number), values)
    sweep = {"name": "made-up", "runs": listed, **others}
    (folder / "sweep.json").write_text(json.dumps(sweep), encoding="utf-8")
    return str(folder)


def runs_of(
    settings: list[dict[str, Any]], seeds: tuple[int, ...] = (1, 2), f1: float = 60.0, **others: Any
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Finished runs of several settings, each a point of F1 above the one before; a seed adds
    half a point."""
    return [
        ({**flags, "seed": seed}, results(f1 + i + seed / 2, seed=seed, **{**others, **flags}))
        for i, flags in enumerate(settings)
        for seed in seeds
    ]
