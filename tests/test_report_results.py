"""What a report reads: published numbers, runs of a sweep, averages, and what may be compared."""

import json

import pytest
from fake_results import results, runs_of, write_run, write_sweep

from xtremedistil.report.averages import average, lines, main_setting, score
from xtremedistil.report.collected import check_one_test_set, load, shown
from xtremedistil.report.published import FIGURES, TABLES
from xtremedistil.runtime.errors import ArtifactError


def published(table, **where):
    rows = [r for r in TABLES[table].records() if all(r[k] == v for k, v in where.items())]
    assert len(rows) == 1
    return rows[0]


def test_published_numbers_are_those_of_the_paper():
    assert sorted(TABLES) == list(range(1, 18))
    assert published(1, dataset="Wikiann-41")["unlabeled"] == 7_200_000
    assert published(3, strategy="D4.2")["f1_1.4"] == 88.64
    assert published(3, strategy="D0")["f1_1.4"] is None
    assert published(4, stage=2, layer="Projection")["f1"] == 2.85
    assert published(5, model="MMNER")["f1"] == 89.20
    assert published(6, transfer=4_100)["f1"] == 19.12
    assert published(7, model="Turc et al. (2019)")["accuracy"] == 91.10
    assert published(8, dataset="DbPedia")["bert_base"] == 99.26
    assert published(9, dataset="IMDB")["student"] == 61.53
    assert published(11, dropout=0.8)["f1"] == 85.49
    assert published(12, batch_size=4096)["f1"] == 87.63
    assert published(13, teacher_layer=4) == {"teacher_layer": 4, "f1": 88.19, "std": 4.0}
    assert published(14, embeddings="Random")["std"] == 4.1
    assert published(15, transformer_dim=276)["transformer_f1"] == 84.06
    headline = published(16, embedding_dim=50, hidden_size=200)
    assert (headline["compression"], headline["speedup_batch_32"]) == (35.1, 51)
    assert published(17, language="ta")["TinyMBERT"] == 77


def test_published_tables_are_whole():
    sizes = {3: 8, 4: 8, 5: 4, 15: 13, 16: 16, 17: 41}
    assert {table: len(TABLES[table].rows) for table in sizes} == sizes
    for table in TABLES.values():
        assert all(len(row) == len(table.columns) for row in table.rows)
    assert {figure: shown.table for figure, shown in FIGURES.items()} == {1: 16, 2: 17, 3: 15}


def test_the_published_average_is_that_of_the_languages():
    # Table 17 is rounded to whole points, Table 5 is not
    for model in ("TinyMBERT", "MBERT", "MBERT-single", "MMNER"):
        mean = sum(TABLES[17].column(model)) / 41
        assert mean == pytest.approx(published(5, model=model)["f1"], abs=0.25)


def test_seeds_of_a_setting_are_averaged(tmp_path):
    seeds = [({"seed": s}, results(f1, seed=s)) for s, f1 in ((1, 60.0), (2, 62.0), (3, 67.0))]
    runs = load(write_sweep(tmp_path, seeds)).done
    value = average(runs, lambda run: run.score("student")["mean"])
    assert (value.mean, value.spread) == (63.0, pytest.approx(13**0.5))
    assert (str(value), value.count) == ("63.00 ±3.61", "3")


def test_a_shared_teacher_counts_once(tmp_path):
    runs = load(write_sweep(tmp_path, runs_of([{}], seeds=(1, 2, 3)))).done
    assert (score(runs, "teacher").mean, score(runs, "teacher").count) == (64.0, "1")
    assert score(runs, "student").count == "3"


def test_runs_that_differ_in_more_than_seeds_are_not_averaged(tmp_path):
    runs = load(write_sweep(tmp_path, runs_of([{"dropout": 0.1}, {"dropout": 0.3}]))).results
    assert [(label, len(own)) for label, own in lines(runs)] == [
        ("dropout=0.1", 2),
        ("dropout=0.3", 2),
    ]
    assert [label for label, _ in lines(runs, axes=("dropout",))] == [""]


def test_flags_that_do_nothing_split_nothing(tmp_path):
    settings = [{"student": "bilstm", "depth": 2}, {"student": "bilstm", "depth": 3}]
    runs = load(write_sweep(tmp_path, runs_of(settings))).results
    assert [label for label, _ in lines(runs)] == [""]


def test_a_planned_run_belongs_to_its_own_setting(tmp_path):
    done = runs_of([{"dropout": 0.1}])
    planned = [({"dropout": 0.1, "seed": 3}, None), ({"dropout": 0.3, "seed": 1}, None)]
    runs = load(write_sweep(tmp_path, [*done, *planned])).results
    counted = {label: score(own, "student") for label, own in lines(runs)}
    assert counted["dropout=0.1"].count == "2 of 3"
    assert counted["dropout=0.3"] is None


def test_a_planned_run_that_says_too_little_joins_the_first_that_fits(tmp_path):
    runs = [*runs_of([{"dropout": 0.1}, {"dropout": 0.3}], seeds=(1,)), ({"seed": 2}, None)]
    found = lines(load(write_sweep(tmp_path, runs)).results)
    assert [(label, len(own)) for label, own in found] == [("dropout=0.1", 2), ("dropout=0.3", 1)]


def test_the_main_setting_is_d4_2_with_the_largest_transfer_set(tmp_path):
    runs = [
        ({}, results(70, strategy="D4.1", transfer=90_000)),
        ({}, results(61, strategy="D4.2", transfer_per_language=5000, transfer=15_000)),
        ({}, results(60, strategy="D4.2", transfer_per_language=9000, transfer=27_000)),
    ]
    note, own = main_setting(load(write_sweep(tmp_path, runs)).results)
    assert [run.id for run in own] == ["run-2"]
    assert "one of 3 settings" in note


def test_results_of_different_test_sets_do_not_compare(tmp_path):
    runs = load(write_sweep(tmp_path, [({}, results(test="a")), ({}, results(test="b"))])).done
    with pytest.raises(ArtifactError, match=r"Table 3 .*test set a: run-0; test set b: run-1"):
        check_one_test_set("Table 3", runs)


def test_half_a_sweep_is_known_as_half(tmp_path):
    collected = load(write_sweep(tmp_path, [({"seed": 1}, results()), ({"seed": 2}, None)]))
    assert (collected.progress, len(collected.results)) == ("1 of 2 runs done", 2)
    assert collected.results[1].flags["data_dir"] == "/data/wikiann"  # what all done runs share


def test_paths_are_shown_by_their_last_name():
    assert shown("/data/wikiann/") == "wikiann"
    assert shown(["/a/b", 3]) == "b, 3"
    assert shown("google/bert") == "google/bert"
    assert shown("bert-base-multilingual-cased") == "bert-base-multilingual-cased"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("results.json", "{", "not valid JSON"),
        ("results.json", "[]", "JSON object"),
        ("results.json", '{"task": "ner", "teacher": {"f1": {"mean": 1}}}', "teacher's score"),
        ("sweep.json", '{"runs": 3}', "list of runs"),
        ("sweep.json", '{"runs": [{"id": "a"}]}', "a folder"),
        ("sweep.json", json.dumps({"runs": [{"id": "a", "folder": "b"}] * 2}), "of its own"),
        ("other.json", "{}", r"needs the folder of a run.*other\.json"),
    ],
)
def test_bad_input_names_file_and_rule(tmp_path, name, content, message):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(ArtifactError, match=message) as caught:
        load(str(tmp_path))
    assert str(tmp_path) in str(caught.value)
    assert "Received:" in str(caught.value) or "JSON (" in str(caught.value)


def test_a_damaged_run_of_a_sweep_is_named(tmp_path):
    folder = write_sweep(tmp_path, [({}, results())])
    path = tmp_path / "runs" / "0" / "results.json"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"runs/0/results\.json"):
        load(folder)


def test_a_run_is_read_alone(tmp_path):
    collected = load(write_run(tmp_path / "mine", results(61.5)))
    assert (collected.name, collected.sweep) == ("mine", False)
    assert collected.done[0].score("student")["mean"] == 61.5
