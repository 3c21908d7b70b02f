"""Tables 1 to 17: published and measured numbers side by side, and what is missing."""

import pytest
from fake_results import (
    STRATEGIES,
    one_teacher_per_language,
    results,
    runs_of,
    write_run,
    write_sweep,
)

from xtremedistil.report.collected import load
from xtremedistil.report.table import MISSING, Table, to_markdown, to_text
from xtremedistil.report.tables import BUILDERS, build_table, has_something
from xtremedistil.runtime.errors import ArtifactError, ConfigError

ALL = range(1, 18)
TEXTS = {"task": "classification", "languages": ("",), "teacher": "/models/bert-base"}


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """A run of D4.2 on NER."""
    return load(write_run(tmp_path_factory.mktemp("single") / "run", results(61.25)))


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A sweep with something for every table of NER."""
    size = {"embedding_dim": 50, "hidden_size": 200}
    runs = [
        *runs_of([{**size, "strategy": name} for name in STRATEGIES]),
        *runs_of([{**size, "dropout": 0.3}, {**size, "batch_size": 128}], f1=50),
        *runs_of([{**size, "teacher_layer": 6}, {**size, "embeddings": "random"}], f1=55),
        *runs_of([{**size, "labeled_per_language": 100}], f1=40, train=100, transfer=300),
        *runs_of([{"student": "transformer", "embedding_dim": 48, "strategy": "D0-S"}], f1=45),
        ({"teacher_per_language": True}, one_teacher_per_language()),
    ]
    return load(write_sweep(tmp_path_factory.mktemp("wide"), runs))


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """A sweep over three data sets of text classification, each with its own test set."""
    runs = []
    for name, limit in (("SST-2", 0), ("imdb", 0), ("ag_news", 500)):
        for strategy, accuracy in (("D0-S", 70.0), ("D4.2", 88.0)):
            flags = {"data_dir": f"/data/{name}", "strategy": strategy}
            values = results(accuracy, **flags, labeled_per_language=limit, test=name, **TEXTS)
            runs.append((flags, values))
    return load(write_sweep(tmp_path_factory.mktemp("texts"), runs))


def row(table: Table, *start: str) -> dict[str, str]:
    rows = [dict(zip(table.columns, r)) for r in table.rows if r[: len(start)] == start]
    assert len(rows) == 1, f"{len(rows)} rows start with {start}"
    return rows[0]


@pytest.mark.parametrize("table", ALL)
@pytest.mark.parametrize("kind", ["single", "wide", "texts"])
def test_every_table_builds(request, kind, table):
    collected = request.getfixturevalue(kind)
    built = build_table(table, collected)
    assert built.number == table
    assert built.rows
    assert all(len(cells) == len(built.columns) for cells in built.rows)
    assert all(isinstance(cell, str) and cell for cells in built.rows for cell in cells)
    assert any(f"Paper: Table {table}" in note for note in built.notes)
    assert to_text(built).startswith(f"Table {table}. {built.title}\n")
    assert to_markdown(built).count("\n|") == len(built.rows) + 2


@pytest.mark.parametrize("table", ALL)
def test_a_sweep_with_nothing_done_shows_the_published_numbers_alone(tmp_path, table):
    built = build_table(table, load(write_sweep(tmp_path, [({"strategy": "D4.2"}, None)])))
    assert not built.runs
    assert any("Nothing of this table is measured here" in note for note in built.notes)
    if table != 2:  # which has nothing to measure
        assert any(MISSING in cells for cells in built.rows)


def test_an_unknown_table_lists_the_legal_ones(single):
    with pytest.raises(ConfigError, match=r"1, 2, 3.*16, 17\. Received: table=18"):
        build_table(18, single)
    assert sorted(BUILDERS) == list(ALL)


def test_table_1_names_the_measured_data(single):
    cells = row(build_table(1, single), "Wikiann-41")
    assert cells["train\npaper"] == "705K"
    assert (cells["train\nmeasured"], cells["test\nmeasured"]) == ("3,000", "1,500")


def test_table_3_has_both_numbers_and_says_where_they_come_from(tmp_path):
    collected = load(write_sweep(tmp_path, runs_of([{"strategy": s} for s in STRATEGIES])))
    table = build_table(3, collected)
    cells = row(table, "D4.2")
    assert cells["1.4MM\npaper"] == "88.64 (3.8)"
    assert cells["30,000\nmeasured"] == "67.75 ±0.35 (0.8) n=2"
    assert row(table, "D0")["1.4MM\npaper"] == MISSING
    notes = " ".join(table.notes)
    assert "wikiann in 3 languages (de, en, zz)" in notes
    assert "minilm (20.0MM parameters)" in notes
    assert "Made-up CPU, 2 cores, no GPU. Seeds: 1, 2." in notes


def test_table_3_splits_a_row_rather_than_average_over_settings(tmp_path):
    runs = runs_of([{"strategy": "D4.2", "dropout": d} for d in (0.1, 0.3)])
    table = build_table(3, load(write_sweep(tmp_path, runs)))
    assert row(table, "D4.2 (dropout=0.1)")["30,000\nmeasured"].startswith("60.75")
    assert row(table, "D4.2 (dropout=0.3)")["30,000\nmeasured"].startswith("61.75")


def test_table_3_names_the_weights_that_the_sweep_chose(tmp_path):
    runs = [({}, results(strategy="D1", alpha=0.1)), ({}, results(strategy="D2", alpha=10.0))]
    path = write_sweep(tmp_path, runs, chosen={"D1": {"alpha": 0.1}, "D2": {"alpha": 10.0}})
    notes = " ".join(build_table(3, load(path)).notes)
    assert "chosen on the development set: D1: alpha 0.1; D2: alpha 10." in notes
    assert "Not the same in all rows" not in notes


def test_half_a_sweep_is_shown_as_half(tmp_path):
    done = runs_of([{"strategy": "D4.2"}])
    planned = [({"strategy": s, "seed": 3}, None) for s in ("D4.2", "D1")]
    table = build_table(3, load(write_sweep(tmp_path, [*done, *planned])))
    assert row(table, "D4.2")["30,000\nmeasured"].endswith("n=2 of 3")
    assert row(table, "D1")["30,000\nmeasured"] == MISSING
    assert "2 of 4 runs done." in table.notes


@pytest.mark.parametrize("table", [3, 11, 16])
def test_runs_of_different_test_sets_share_no_table(tmp_path, table):
    runs = [({}, results(test="a")), ({}, results(test="b", dropout=0.5))]
    with pytest.raises(ArtifactError, match=rf"Table {table} .*test set a.*test set b"):
        build_table(table, load(write_sweep(tmp_path, runs)))


def test_a_difference_that_no_column_shows_is_told(tmp_path):
    runs = [
        ({}, results(strategy="D4.2", max_seq_length=32)),
        ({}, results(strategy="D4.1", max_seq_length=64)),
    ]
    table = build_table(3, load(write_sweep(tmp_path, runs)))
    assert "Not the same in all rows: max_seq_length (32; 64)." in table.notes


def test_table_4_follows_the_steps(single):
    table = build_table(4, single)
    measured = [cells[4] for cells in table.rows]
    assert measured == [f"{61.25 - 7 + i:.2f}" for i in range(8)]
    assert table.rows[2][:4] == ("2", "BiLSTM", "81.64", "5.2")


def test_table_5_has_one_teacher_per_language_where_there_is_one(tmp_path):
    runs = [({}, results(61.0)), ({}, one_teacher_per_language(66.0))]
    table = build_table(5, load(write_sweep(tmp_path, runs)))
    assert row(table, "MBERT-single")["F1\nmeasured"] == "66.00"
    assert row(table, "MBERT")["F1\nmeasured"] == "64.00"
    assert row(table, "TinyMBERT")["F1\nmeasured"] == "61.00"
    assert row(table, "MMNER")["F1\nmeasured"] == MISSING
    assert "keeps 95.3% of its teacher's F1 (95% interval 90.0 to 95.0)" in " ".join(table.notes)


def test_table_6_puts_the_labeled_sentences_alone_beside_the_papers(wide):
    table = build_table(6, wide)
    measured = {cells[1]: cells[3:5] for cells in table.rows}
    assert measured["4.1K"] == ("300", "40.75 ±0.35")
    assert measured["705K"] == (MISSING, MISSING)


def test_text_tables_sort_full_and_few_labels(texts):
    assert row(build_table(8, texts), "IMDB")["distilled\nmeasured"] == "88.00"
    few = row(build_table(9, texts), "AG News")
    assert (few["no distillation\nmeasured"], few["distilled\nmeasured"]) == ("70.00", "88.00")
    assert few["teacher's name\nmeasured"] == "bert-base"
    assert row(build_table(8, texts), "Elec")["distilled\nmeasured"] == MISSING
    assert row(build_table(7, texts), "student, D4.2")["accuracy\nmeasured"] == "88.00"


@pytest.mark.parametrize(
    ("table", "start", "measured"),
    [(11, "0.3", "50.75 ±0.35"), (12, "128", "51.75 ±0.35"), (14, "Random", "56.75 ±0.35")],
)
def test_tables_of_one_flag_have_a_row_for_each_value(wide, table, start, measured):
    built = build_table(table, wide)
    rows = [cells for cells in built.rows if cells[0].split(" (")[0] == start]
    assert measured in [cells[built.columns.index("F1\nmeasured")] for cells in rows]


def test_table_15_has_bilstms_and_transformers(wide):
    table = build_table(15, wide)
    small = row(table, "1", "Transformer", "48", "2")
    assert (small["F1\npaper"], small["F1\nmeasured"]) == ("76.67", "45.75 ±0.35")
    assert row(table, "4", "BiLSTM", "50", "200")["ms, batch 32\nmeasured"] == "10.00"


def test_table_16_compares_sizes_and_speed(tmp_path):
    size = {"embedding_dim": 50, "hidden_size": 200}
    runs = runs_of([size], parameters=4_000_000, milliseconds=8.0)
    cells = row(build_table(16, load(write_sweep(tmp_path, runs))), "50", "200")
    assert (cells["compression\npaper"], cells["compression\nmeasured"]) == ("35.1", "5.0")
    assert (cells["× batch 32\npaper"], cells["× batch 32\nmeasured"]) == ("51", "25.0")
    assert cells["seeds"] == "2"


def test_table_17_holds_the_papers_languages_and_others(single):
    table = build_table(17, single)
    assert len(table.rows) == 42
    assert row(table, "de")["student\nmeasured"] == "60.25"
    assert row(table, "de")["TinyMBERT\npaper"] == "84"
    assert row(table, "zz")["TinyMBERT\npaper"] == MISSING
    assert row(table, "fr")["student\nmeasured"] == MISSING


def test_a_page_leaves_out_tables_that_compare_nothing(single, wide):
    shown = {t for t in ALL if has_something(build_table(t, single), single)}
    assert shown == {1, 4, 5, 10, 16, 17}
    assert {3, 11, 12, 13, 14, 15} <= {t for t in ALL if has_something(build_table(t, wide), wide)}


def test_markdown_keeps_cells_apart():
    table = Table(3, "T", ("a", "b"), (("x|y", "<b>"),))
    assert "| x\\|y | &lt;b> |" in to_markdown(table)


def test_text_aligns_numbers_to_the_right():
    table = Table(3, "T", ("name", "F1\npaper"), (("a", "9.10"), ("bc", "88.64")))
    assert to_text(table).splitlines()[2:7] == [
        "         F1",
        "name  paper",
        "-----------",
        "a      9.10",
        "bc    88.64",
    ]
