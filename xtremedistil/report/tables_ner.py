"""Tables 3 to 6 and 17: strategies, steps, models and languages."""

from collections.abc import Iterable

from xtremedistil.report.averages import average, lines, lines_by, main_setting, mean
from xtremedistil.report.collected import Collected
from xtremedistil.report.frame import languages, of_task
from xtremedistil.report.libraries import pd
from xtremedistil.report.published import published_table
from xtremedistil.report.schema import STUDENT, TEACHER, WEIGHTS
from xtremedistil.report.table import MISSING, Table, abbreviated, counts, number
from xtremedistil.report.table_parts import SPREAD, assemble, cells, named, score_of

ACROSS = "std. dev. is across languages."
LOW_RESOURCE = 100  # labeled sentences per language (Table 6)
_TRANSFER = "--transfer_per_language"
_NEAR = 0.05  # a transfer set this near one of the paper's stands beside it
_MEASURED = ("F1\nmeasured", "std. dev.\nmeasured", "seeds")


def table_3(collected: Collected) -> Table:
    """Strategies by the size of the transfer set."""
    axes = ("strategy", "transfer_per_language")
    runs = _sized(of_task(collected.runs, "ner"))
    sizes = {size: own for size, own in runs.groupby("transfer_order")}
    rows = []
    for row in published_table(3).to_dict("records"):
        paper = [_score(row[f"f1_{size}"], row[f"std_{size}"]) for size in ("0.7", "1.4", "7.2")]
        own = runs[runs["--strategy"] == row["strategy"]]
        for label, line in lines(own, axes) or [("", own)]:
            measured = [_measured(line[line["transfer_order"] == size]) for size in sizes]
            rows.append((named(row["strategy"], label), row["features"], *paper, *measured))
    columns = ["strategy", "features", "0.7MM\npaper", "1.4MM\npaper", "7.2MM\npaper"]
    columns += [f"{_transfer(own)}\nmeasured" for own in sizes.values()]
    chosen = [
        f"{strategy}: {', '.join(f'{name} {weight:g}' for name, weight in weights.items())}"
        for strategy, weights in collected.chosen.items()
    ]
    notes = (
        "F1 in percent by sentences of the transfer set; in brackets the standard deviation "
        f"across languages. {SPREAD} n is the number of seeds.",
        f"Loss weights chosen on the development set: {'; '.join(chosen)}." if chosen else "",
    )
    return assemble(3, collected, columns, rows, runs, notes, axes=(*axes, *WEIGHTS))


def _score(score: float | None, std: float | None) -> str:
    return MISSING if score is None else f"{score:.2f} ({std:.1f})"


def _measured(runs: pd.DataFrame) -> str:
    score, std, seeds = score_of(runs)
    return MISSING if score == MISSING else f"{score} ({std}) n={seeds}"


def _sized(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs with an order by transfer sentences per language, of which 0 stands for all."""
    sizes = runs[_TRANSFER].fillna(0).astype(float)
    return runs.assign(transfer_order=sizes.where(sizes > 0, float("inf")))


def _transfer(runs: pd.DataFrame) -> str:
    found = counts(runs["transfer"])
    return f"{runs[_TRANSFER].iloc[0] or 0:,} a language" if found == MISSING else found


def table_4(collected: Collected) -> Table:
    """F1 after each step of D4.2."""
    own = of_task(collected.runs, "ner")
    several, runs = main_setting(own[own["--strategy"] == "D4.2"])
    paper = published_table(4)
    steps = [f"{stage}/{layer}" for stage, layer in zip(paper["stage"], paper["layer"])]
    scores = [average(runs, step) for step in steps]
    table = paper.assign(
        score=scores,
        spread=[number(mean(runs, f"{step} std"), 1) for step in steps],
        seeds=[score and score.count for score in scores],
    )
    columns = ("stage", "unfreezing layer", "F1\npaper", "std. dev.\npaper", *_MEASURED)
    notes = (f"{SPREAD} {ACROSS}", several)
    return assemble(4, collected, columns, cells(table, table), runs, notes)


def table_5(collected: Collected) -> Table:
    """Models, on average over languages."""
    several, runs = main_setting(of_task(collected.runs, "ner"))
    alone = of_task(collected.runs, "ner", teacher_per_language=True)
    measured = {
        "MBERT-single": ("one teacher a language", *score_of(alone, TEACHER)),
        "MBERT": ("teacher", *score_of(runs, TEACHER)),
        "TinyMBERT": ("student", *score_of(runs)),
    }
    rows = [
        (model, number(f1), number(std, 1), *measured.get(model, [MISSING] * 4))
        for model, f1, std in published_table(5).itertuples(False)
    ]
    columns = ("paper's model", "F1\npaper", "std. dev.\npaper", "measured model", *_MEASURED)
    here = languages(runs, STUDENT)
    notes = (f"{SPREAD} {ACROSS}", several, _kept(runs), _in_common(here))
    used = pd.concat([runs, alone])
    return assemble(5, collected, columns, rows, used, notes, axes=("teacher_per_language",))


def _kept(runs: pd.DataFrame) -> str:
    kept, low, high = (mean(runs, f"retained{end}") for end in ("", " low", " high"))
    if kept is None:
        return ""
    return (
        f"The student keeps {kept:.1f}% of its teacher's F1 (95% interval {low:.1f} to "
        f"{high:.1f}); the paper's 96.5%."
    )


def table_6(collected: Collected) -> Table:
    """100 labeled sentences per language, by the size of the transfer set."""
    axes = ("transfer_per_language",)
    runs = of_task(collected.runs, "ner")
    runs = runs[runs["--labeled_per_language"] == LOW_RESOURCE]
    runs = _sized(runs[runs["--strategy"].fillna("D4.2") == "D4.2"])
    extra, beside = [], {}
    for _, label, line in lines_by(runs.sort_values("transfer_order"), ["transfer_order"], axes):
        own = (named(_transfer(line), label), *score_of(line))
        place = _paper_size(line)
        if place is None or place in beside:
            extra.append(("student", MISSING, MISSING, *own))
        else:
            beside[place] = own
    rows = []
    for model, transfer, f1 in published_table(6).itertuples(False):
        measured = beside.get(transfer, (MISSING,) * 4)
        if model == "MBERT":
            measured = (MISSING, *score_of(main_setting(runs)[1], TEACHER))
        rows.append((model, abbreviated(transfer), number(f1), *measured))
    columns = ("model", "transfer\npaper", "F1\npaper", "transfer\nmeasured", *_MEASURED)
    notes = (
        f"{LOW_RESOURCE} labeled sentences a language. The paper's 4.1K are the labeled sentences "
        f"themselves; a measured set of just those stands beside it. {SPREAD} {ACROSS}",
    )
    return assemble(6, collected, columns, [*rows, *extra], runs, notes, axes=axes)


def _paper_size(runs: pd.DataFrame) -> int | None:
    """The transfer set of Table 6 that a measured one stands for."""
    done = runs.dropna(subset=["transfer"])
    if done.empty:
        return None
    size, train = done.iloc[0][["transfer", "train"]]
    sizes = published_table(6)["transfer"].dropna()
    if size == train:
        return sizes.min()
    return next((s for s in sizes if abs(s - size) <= _NEAR * s), None)


def table_17(collected: Collected) -> Table:
    """F1 by language."""
    several, runs = main_setting(of_task(collected.runs, "ner"))
    alone = of_task(collected.runs, "ner", teacher_per_language=True)
    paper = published_table(17).set_index("language")
    here = languages(runs, STUDENT)
    table = paper.reindex(dict.fromkeys([*paper.index, *here]))
    rows = []
    for language, row in table.where(table.notna(), None).iterrows():
        train = runs.get(f"train/{language}")
        rows.append(
            (
                *(language or "(none)", number(row["train"])),
                MISSING if train is None else counts(train[runs["done"]]),
                *(number(row["TinyMBERT"]), number(average(runs, f"student/{language}"))),
                *(number(row["MBERT"]), number(average(runs, f"teacher/{language}"))),
                *(number(row["MBERT-single"]), number(average(alone, f"teacher/{language}"))),
                number(row["MMNER"]),
            )
        )
    columns = ("language", "train (K)\npaper", "train\nmeasured")
    columns += ("TinyMBERT\npaper", "student\nmeasured", "MBERT\npaper", "teacher\nmeasured")
    columns += ("MBERT-single\npaper", "one a language\nmeasured", "MMNER\npaper")
    notes = (f"F1 in percent. {SPREAD}", several, _in_common(here))
    used = pd.concat([runs, alone])
    return assemble(17, collected, columns, rows, used, notes, axes=("teacher_per_language",))


def _in_common(here: Iterable[str]) -> str:
    """The paper's average over the languages that were measured, which is not its headline."""
    paper = published_table(17)
    own = paper[paper["language"].isin(list(here))]
    if len(own) in (0, len(paper)):
        return ""
    return (
        f"Over the {len(own)} measured languages the paper's TinyMBERT averages "
        f"{own['TinyMBERT'].mean():.2f} and its MBERT {own['MBERT'].mean():.2f}."
    )
