"""Tables 3 to 6 and 17: strategies, steps, models and languages."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from xtremedistil.report.averages import (
    WEIGHTS,
    Average,
    average,
    lines,
    main_setting,
    score,
)
from xtremedistil.report.collected import Collected, Result
from xtremedistil.report.published import TABLES
from xtremedistil.report.table import MISSING, Table, abbreviated, counts, number
from xtremedistil.report.table_parts import (
    SPREAD,
    assemble,
    cell,
    mean,
    named,
    score_of,
    seeds,
)

ACROSS = "std. dev. is across languages."
LOW_RESOURCE = 100  # labeled sentences per language (Table 6)
_NEWEST = {"head": ("Linear", "Softmax"), "encoder": ("BiLSTM",), "embeddings": ("Word Emb",)}
_NEAR = 0.05  # a transfer set this near one of the paper's stands beside it


def table_3(collected: Collected) -> Table:
    """Strategies by the size of the transfer set."""
    axes = ("strategy", "transfer_per_language")
    results = collected.of_task("ner")
    sizes = _by_size(results)
    rows = []
    for row in TABLES[3].records():
        own = [result for result in results if result.flags.get("strategy") == row["strategy"]]
        paper = [_score(row[f"f1_{size}"], row[f"std_{size}"]) for size in ("0.7", "1.4", "7.2")]
        for label, runs in lines(own, axes) or [("", [])]:
            by_size = _by_size(runs)
            measured = [_measured(by_size.get(size, [])) for size in sizes]
            rows.append((named(row["strategy"], label), row["features"], *paper, *measured))
    heads = [f"{_transfer(size, own)}\nmeasured" for size, own in sizes.items()]
    columns = ("strategy", "features", "0.7MM\npaper", "1.4MM\npaper", "7.2MM\npaper", *heads)
    notes = [
        "F1 in percent by sentences of the transfer set; in brackets the standard deviation "
        f"across languages. {SPREAD} n is the number of seeds."
    ]
    chosen = [
        f"{strategy}: {', '.join(f'{name} {weight:g}' for name, weight in weights.items())}"
        for strategy, weights in collected.chosen.items()
    ]
    if chosen:
        notes.append(f"Loss weights chosen on the development set: {'; '.join(chosen)}.")
    return assemble(3, collected, columns, rows, results, notes, axes=(*axes, *WEIGHTS))


def _score(mean: float | None, std: float | None) -> str:
    return MISSING if mean is None else f"{mean:.2f} ({std:.1f})"


def _measured(runs: Sequence[Result]) -> str:
    score, std, seeds = score_of(runs)
    return MISSING if score == MISSING else f"{score} ({std}) n={seeds}"


def _by_size(results: Sequence[Result]) -> dict[int, list[Result]]:
    """Runs by transfer sentences per language, the smallest first; 0 stands for all."""
    sizes: dict[int, list[Result]] = {}
    for result in results:
        sizes.setdefault(result.flags.get("transfer_per_language", 0), []).append(result)
    return dict(sorted(sizes.items(), key=lambda item: (item[0] == 0, item[0])))


def _transfer(size: int, results: Sequence[Result]) -> str:
    found = counts(result.transfer_size for result in results if result.done)
    return f"{size:,} a language" if found == MISSING else found


def table_4(collected: Collected) -> Table:
    """F1 after each step of D4.2."""
    own = [r for r in collected.of_task("ner") if r.flags.get("strategy") == "D4.2"]
    several, runs = main_setting(own)
    rows = []
    for row in TABLES[4].records():
        value, std = (after_step(runs, row, what) for what in ("mean", "std"))
        paper = (number(row["f1"]), number(row["std"], 1))
        measured = (cell(value), mean(std, 1), seeds(value))
        rows.append((str(row["stage"]), row["layer"], *paper, *measured))
    columns = ("stage", "unfreezing layer", "F1\npaper", "std. dev.\npaper")
    columns += ("F1\nmeasured", "std. dev.\nmeasured", "seeds")
    notes = [note for note in (f"{SPREAD} {ACROSS}", several) if note]
    return assemble(4, collected, columns, rows, runs, notes)


def after_step(runs: Iterable[Result], row: Mapping[str, Any], what: str) -> Average | None:
    """The F1 after a step.

    Args:
        runs: of one setting of D4.2.
        row: the step's row of Table 4.
        what: `mean`, or `std` across languages.
    """
    return average(runs, lambda result: _of_step(result, row, what))


def _of_step(result: Result, row: Mapping[str, Any], what: str) -> float | None:
    for step in result.values.get("steps", ()):
        layers = _NEWEST.get(step["newest"], (str(step["newest"]).capitalize(),))
        if step["stage"] == row["stage"] and row["layer"] in layers and step.get(result.metric):
            return step[result.metric][what]
    return None


def table_5(collected: Collected) -> Table:
    """Models, on average over languages."""
    several, runs = main_setting(collected.of_task("ner"))
    alone = collected.of_task("ner", teacher_per_language=True)
    measured = {
        "MBERT-single": score_of(alone, "teacher"),
        "MBERT": score_of(runs, "teacher"),
        "TinyMBERT": score_of(runs),
    }
    names = {"MBERT-single": "one teacher a language", "MBERT": "teacher", "TinyMBERT": "student"}
    rows = [
        (
            *(row["model"], number(row["f1"]), number(row["std"], 1)),
            names.get(row["model"], MISSING),
            *measured.get(row["model"], (MISSING,) * 3),
        )
        for row in TABLES[5].records()
    ]
    columns = ("paper's model", "F1\npaper", "std. dev.\npaper", "measured model")
    columns += ("F1\nmeasured", "std. dev.\nmeasured", "seeds")
    here = {name for r in runs if r.done for name in r.score("student")["per_language"]}
    told = (f"{SPREAD} {ACROSS}", several, _kept(runs), _in_common(here))
    notes = [note for note in told if note]
    used = [*runs, *alone]
    return assemble(5, collected, columns, rows, used, notes, axes=("teacher_per_language",))


def _kept(runs: Sequence[Result]) -> str:
    kept = average(runs, lambda result: result.values.get("retained"))
    if kept is None:
        return ""
    low, high = (
        average(runs, lambda r, i=i: (r.values.get("retained_interval") or (None, None))[i])
        for i in range(2)
    )
    interval = f" (95% interval {low.mean:.1f} to {high.mean:.1f})" if low and high else ""
    return f"The student keeps {kept.mean:.1f}% of its teacher's F1{interval}; the paper's 96.5%."


def table_6(collected: Collected) -> Table:
    """100 labeled sentences per language, by the size of the transfer set."""
    axes = ("transfer_per_language",)
    results = [
        result
        for result in collected.of_task("ner")
        if result.flags.get("labeled_per_language") == LOW_RESOURCE
        and result.flags.get("strategy", "D4.2") == "D4.2"
    ]
    rows, extra, beside = [], [], {}
    for size, own in _by_size(results).items():
        for label, runs in lines(own, axes):
            cells = (named(_transfer(size, runs), label), *score_of(runs))
            place = _paper_size(runs)
            if place is None or place in beside:
                extra.append(("student", MISSING, MISSING, *cells))
            else:
                beside[place] = cells
    for row in TABLES[6].records():
        paper = (row["model"], abbreviated(row["transfer"]), number(row["f1"]))
        measured = beside.get(row["transfer"], (MISSING,) * 4)
        if row["model"] == "MBERT":
            measured = (MISSING, *score_of(main_setting(results)[1], "teacher"))
        elif row["model"] == "MMNER":
            measured = (MISSING,) * 4
        rows.append((*paper, *measured))
    columns = ("model", "transfer\npaper", "F1\npaper", "transfer\nmeasured", "F1\nmeasured")
    columns += ("std. dev.\nmeasured", "seeds")
    notes = (
        f"{LOW_RESOURCE} labeled sentences a language. The paper's 4.1K are the labeled sentences "
        f"themselves; a measured set of just those stands beside it. {SPREAD} {ACROSS}",
    )
    return assemble(6, collected, columns, [*rows, *extra], results, notes, axes=axes)


def _paper_size(runs: Sequence[Result]) -> int | None:
    """The transfer set of Table 6 that a measured one stands for."""
    done = [result for result in runs if result.done and result.transfer_size]
    if not done:
        return None
    size, sizes = done[0].transfer_size, TABLES[6].column("transfer")
    if size == done[0].sentences("train"):
        return min(size for size in sizes if size)
    return next((s for s in sizes if s and abs(s - size) <= _NEAR * s), None)


def table_17(collected: Collected) -> Table:
    """F1 by language."""
    several, runs = main_setting(collected.of_task("ner"))
    alone = collected.of_task("ner", teacher_per_language=True)
    paper = {row["language"]: row for row in TABLES[17].records()}
    done = [result for result in runs if result.done]
    here = dict.fromkeys(name for r in done for name in r.score("student")["per_language"])
    rows = []
    for language in dict.fromkeys([*paper, *here]):
        row = paper.get(language, {})
        printed = {name: number(row.get(name)) for name in TABLES[17].columns[1:]}
        train = counts(r.sentences_per_language("train").get(language) for r in done)
        rows.append(
            (
                *(language or "(none)", printed["train"], train),
                *(printed["TinyMBERT"], cell(in_language(runs, "student", language))),
                *(printed["MBERT"], cell(in_language(runs, "teacher", language))),
                *(printed["MBERT-single"], cell(in_language(alone, "teacher", language))),
                printed["MMNER"],
            )
        )
    columns = ("language", "train (K)\npaper", "train\nmeasured")
    columns += ("TinyMBERT\npaper", "student\nmeasured", "MBERT\npaper", "teacher\nmeasured")
    columns += ("MBERT-single\npaper", "one a language\nmeasured", "MMNER\npaper")
    notes = [note for note in (f"F1 in percent. {SPREAD}", several, _in_common(here)) if note]
    used = [*runs, *alone]
    return assemble(17, collected, columns, rows, used, notes, axes=("teacher_per_language",))


def _in_common(languages: Iterable[str]) -> str:
    """The paper's average over the languages that were measured, which is not its headline."""
    rows = [row for row in TABLES[17].records() if row["language"] in set(languages)]
    if len(rows) in (0, len(TABLES[17].rows)):
        return ""
    student, teacher = (
        statistics.fmean(row[name] for row in rows) for name in ("TinyMBERT", "MBERT")
    )
    return (
        f"Over the {len(rows)} measured languages the paper's TinyMBERT averages {student:.2f} "
        f"and its MBERT {teacher:.2f}."
    )


def in_language(runs: Iterable[Result], who: str, language: str) -> Average | None:
    """The score of the `teacher` or `student` in one language."""
    return score(runs, who, lambda score: score["per_language"].get(language))
