"""What a report reads: published numbers, runs of a sweep, averages, and what may be compared."""

import json

import pytest
from fake_results import results, runs_of, write_run, write_sweep

from xtremedistil.report.averages import average, check_one_test_set, lines, main_setting
from xtremedistil.report.collected import load
from xtremedistil.report.published import FIGURES, TITLES, published_table
from xtremedistil.report.result import shown
from xtremedistil.report.schema import RunResults, Scores
from xtremedistil.report.sizes import by_size
from xtremedistil.runtime.errors import ArtifactError
from xtremedistil.runtime.typed_json import parse, read, to_json


def published(table, **where):
    rows = published_table(table).to_dict("records")
    (row,) = [row for row in rows if all(row[name] == value for name, value in where.items())]
    return row


def test_published_numbers_are_those_of_the_paper():
    assert sorted(TITLES) == list(range(1, 18))
    assert TITLES[11] == "Dropout"
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
    assert published(15, student="transformer", embedding_dim=276)["f1"] == 84.06
    headline = published(16, embedding_dim=50, hidden_size=200)
    assert (headline["compression"], headline["speedup_batch_32"]) == (35.1, 51)
    assert published(17, language="ta")["TinyMBERT"] == 77


def test_published_tables_are_whole():
    shapes = {table: published_table(table).shape for table in TITLES}
    assert shapes == {
        **{1: (5, 5), 2: (13, 4), 3: (8, 8), 4: (8, 4), 5: (4, 3), 6: (6, 3), 7: (6, 3)},
        **{8: (4, 6), 9: (4, 4), 10: (6, 2), 11: (6, 2), 12: (5, 2), 13: (7, 3), 14: (8, 3)},
        **{15: (26, 8), 16: (16, 8), 17: (41, 6)},
    }
    empty = {table: int(published_table(table).isna().sum().sum()) for table in TITLES}
    # unlabeled texts, transfer sets that were not used or have no name, H or depth
    assert {t: n for t, n in empty.items() if n} == {1: 2, 3: 8, 6: 2, 7: 2, 15: 26}
    assert {figure: shown.table for figure, shown in FIGURES.items()} == {1: 16, 2: 17, 3: 15}


def test_published_cells_are_whole_numbers_where_the_paper_prints_them():
    assert type(published(17, language="no")["MBERT"]) is int  # and the language is no empty cell
    assert type(published(16, embedding_dim=50, hidden_size=100)["f1"]) is float
    assert published(10, parameter="Dropout")["value"] == "0.2"


def test_the_published_average_is_that_of_the_languages():
    # Table 17 is rounded to whole points, Table 5 is not
    for model in ("TinyMBERT", "MBERT", "MBERT-single", "MMNER"):
        mean = published_table(17)[model].mean()
        assert mean == pytest.approx(published(5, model=model)["f1"], abs=0.25)


def test_seeds_of_a_setting_are_averaged(tmp_path):
    seeds = [({"seed": s}, results(f1, seed=s)) for s, f1 in ((1, 60.0), (2, 62.0), (3, 67.0))]
    value = average(load(write_sweep(tmp_path, seeds)).runs, "student")
    assert (value.mean, value.spread) == (63.0, pytest.approx(13**0.5))
    assert (str(value), value.count) == ("63.00 ±3.61", "3")


def test_a_shared_teacher_counts_once(tmp_path):
    runs = load(write_sweep(tmp_path, runs_of([{}], seeds=(1, 2, 3)))).runs
    teacher = average(runs, "teacher")
    assert (teacher.mean, teacher.count) == (64.0, "1")
    assert average(runs, "teacher/de").count == "1"
    assert average(runs, "student").count == "3"


def test_runs_that_differ_in_more_than_seeds_are_not_averaged(tmp_path):
    runs = load(write_sweep(tmp_path, runs_of([{"dropout": 0.1}, {"dropout": 0.3}]))).runs
    assert [(label, len(own)) for label, own in lines(runs)] == [
        ("dropout=0.1", 2),
        ("dropout=0.3", 2),
    ]
    assert [label for label, _ in lines(runs, axes=("dropout",))] == [""]


def test_flags_that_do_nothing_split_nothing(tmp_path):
    settings = [{"student": "bilstm", "depth": 2}, {"student": "bilstm", "depth": 3}]
    runs = load(write_sweep(tmp_path, runs_of(settings))).runs
    assert [label for label, _ in lines(runs)] == [""]


def test_a_planned_run_belongs_to_its_own_setting(tmp_path):
    done = runs_of([{"dropout": 0.1}])
    planned = [({"dropout": 0.1, "seed": 3}, None), ({"dropout": 0.3, "seed": 1}, None)]
    runs = load(write_sweep(tmp_path, [*done, *planned])).runs
    counted = {label: average(own, "student") for label, own in lines(runs)}
    assert counted["dropout=0.1"].count == "2 of 3"
    assert counted["dropout=0.3"] is None


def test_a_planned_run_that_says_too_little_joins_the_first_that_fits(tmp_path):
    runs = [*runs_of([{"dropout": 0.1}, {"dropout": 0.3}], seeds=(1,)), ({"seed": 2}, None)]
    found = lines(load(write_sweep(tmp_path, runs)).runs)
    assert [(label, len(own)) for label, own in found] == [("dropout=0.1", 2), ("dropout=0.3", 1)]


def test_the_main_setting_is_d4_2_with_the_largest_transfer_set(tmp_path):
    runs = [
        ({}, results(70, strategy="D4.1", transfer=90_000)),
        ({}, results(61, strategy="D4.2", transfer_per_language=5000, transfer=15_000)),
        ({}, results(60, strategy="D4.2", transfer_per_language=9000, transfer=27_000)),
    ]
    note, own = main_setting(load(write_sweep(tmp_path, runs)).runs)
    assert list(own["id"]) == ["run-2"]
    assert "one of 3 settings" in note


def test_results_of_different_test_sets_do_not_compare(tmp_path):
    runs = load(write_sweep(tmp_path, [({}, results(test="a")), ({}, results(test="b"))])).runs
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
        ("results.json", "[]", r"results\.json: must be a JSON object\. Received: \[\]"),
        ("results.json", '{"task": "ner"}', r"results\.json: lacks 'teacher'"),
        ("sweep.json", '{"runs": 3}', r"sweep\.json: runs must be a list\. Received: 3"),
        ("sweep.json", '{"runs": [{"id": "a"}]}', r"sweep\.json: runs \[0\] lacks 'folder'"),
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


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("teacher", "f1"), {"mean": 1.0, "std": 0.0}, "teacher f1 lacks 'per_language'"),
        (("teacher", "f1"), None, "task .ner, classification. and the teacher's score"),
        (("student", "f1"), None, "the student's score"),
        (("student", "parameters"), "many", "student parameters must be a whole number"),
        (("data", "transfer"), {}, "data transfer lacks 'sentences'"),
        (("task",), "parsing", "a finished run has a task"),
    ],
)
def test_results_say_where_they_are_damaged(tmp_path, place, value, message):
    values = results()
    inner = values
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    with pytest.raises(ArtifactError, match=rf"results\.json: .*{message}.*Received: "):
        load(write_run(tmp_path, values))


def test_written_results_are_read_back(tmp_path):
    """Nothing of a file is lost but what no class knows, and nothing is made up."""
    values = read(RunResults, write_run(tmp_path, results()) + "/results.json")
    written = to_json(values)
    assert parse(RunResults, written, "again:", strict=True) == values
    assert written["student"]["f1"] == results()["student"]["f1"]
    assert written["steps"][0]["language"] is None
    assert "accuracy" not in written["student"]
    with pytest.raises(ArtifactError, match=r"scores: must be in Scores\. Received: \['f2'\]"):
        parse(Scores, {"f2": 1.0}, "scores:", strict=True)


def test_a_run_says_which_flags_do_nothing_in_it(tmp_path):
    """A kind of student that this package does not know: all of it is in the results."""
    values = [results(61.0, student="toy", depth=d, embedding_dim=8) for d in (2, 3)]
    for run in values:
        run["student"] |= {"kind": "toy", "size": {"embedding_dim": 8, "batch_size": 512}}
        run["idle_flags"] = ["depth", "hidden_size"]
    runs = load(write_sweep(tmp_path, [({"seed": 1}, run) for run in values])).runs
    assert [label for label, _ in lines(runs)] == [""]
    sizes = by_size(runs)
    assert list(sizes["size"]) == [(8, 512)]
    assert list(sizes["student"]) == ["toy"]


def test_a_damaged_run_of_a_sweep_is_named(tmp_path):
    folder = write_sweep(tmp_path, [({}, results())])
    path = tmp_path / "runs" / "0" / "results.json"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"runs/0/results\.json"):
        load(folder)


def test_a_run_is_read_alone(tmp_path):
    collected = load(write_run(tmp_path / "mine", results(61.5)))
    assert (collected.name, collected.sweep) == ("mine", False)
    assert collected.done[0].values.student.score.mean == 61.5
