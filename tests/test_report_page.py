"""Figures as PNG, the page, and what a report writes."""

import builtins
import json
import re
import struct
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from fake_results import one_teacher_per_language, results, runs_of, write_run, write_sweep

from xtremedistil.report import charts, figures
from xtremedistil.report.averages import Average
from xtremedistil.report.collected import load
from xtremedistil.report.disagreements import read_disagreements
from xtremedistil.report.drawing import ABOVE_RIGHT, draw, mark_apart
from xtremedistil.report.libraries import pd
from xtremedistil.report.page import build_page
from xtremedistil.report.report import write_report
from xtremedistil.report.schema import Score
from xtremedistil.report.sizes import pairs
from xtremedistil.runtime.errors import ArtifactError, ConfigError

SAID = ("words", "true", "teacher", "student")
EVIL = '<script>alert("1")</script>&'


@pytest.fixture
def matplotlib():
    return pytest.importorskip(
        "matplotlib", reason='figures need matplotlib: pip install "xtremedistil[test]"'
    )


@pytest.fixture
def undrawn(monkeypatch):
    """Figures that nobody looks at: they cost nothing, and need no matplotlib."""
    for module in (charts, figures):
        monkeypatch.setattr(module, "draw", lambda width, height, paint: b"PNG")


@pytest.fixture
def sweep(tmp_path):
    """Two sizes of BiLSTM and a Transformer, D4.2 and D0-S, one run not done."""
    sizes = [{"embedding_dim": 50, "hidden_size": h} for h in (100, 200)]
    runs = [
        *runs_of(sizes),
        *runs_of([{**sizes[0], "strategy": "D0-S"}], f1=50),
        *runs_of([{"student": "transformer", "embedding_dim": 48, "strategy": "D0-S"}], f1=48),
        ({"teacher_per_language": True}, one_teacher_per_language()),
        ({**sizes[0], "seed": 3}, None),
    ]
    return write_sweep(tmp_path / "sweep", runs)


def png_size(content: bytes) -> tuple[int, int]:
    """Width and height of a whole PNG."""
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert content.endswith(b"IEND\xaeB`\x82")
    return struct.unpack(">II", content[16:24])


@pytest.mark.parametrize("figure", [1, 2, 3])
def test_each_figure_is_a_png(matplotlib, sweep, figure):
    collected = load(sweep)
    assert not figures.measured_runs(figure, collected).empty
    assert png_size(figures.build_figure(figure, collected)) == (1725, 1350)


def test_a_figure_of_nothing_measured_has_the_published_half(matplotlib, tmp_path):
    collected = load(write_sweep(tmp_path, [({}, None)]))
    assert png_size(figures.build_figure(3, collected)) == (1725, 1350)


def test_an_unknown_figure_lists_the_legal_ones(sweep):
    with pytest.raises(ConfigError, match=r"one of 1, 2, 3\. Received: figure=4"):
        figures.build_figure(4, load(sweep))


def test_figures_say_what_they_need(sweep, monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest):
        if name.startswith("matplotlib"):
            raise ImportError("No module named 'matplotlib'")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ConfigError, match=r'pip install "xtremedistil\[report\]"'):
        figures.build_figure(1, load(sweep))


@pytest.mark.parametrize("figure", [1, 2, 3])
def test_runs_of_different_test_sets_share_no_figure(tmp_path, figure):
    strategy = "D0-S" if figure == 3 else "D4.2"
    runs = [({}, results(test=t, seed=i, strategy=strategy)) for i, t in enumerate("ab")]
    with pytest.raises(ArtifactError, match=f"Figure {figure} .*test set a.*test set b"):
        figures.measured_runs(figure, load(write_sweep(tmp_path, runs)))


def test_students_of_equal_latency_are_paired(tmp_path):
    def run(student, milliseconds, width):
        flags = {"student": student, "embedding_dim": width, "strategy": "D0-S"}
        return ({}, results(milliseconds=milliseconds, **flags))

    runs = [run("bilstm", 10, 50), run("bilstm", 30, 60), run("transformer", 11, 48)]
    found = pairs(load(write_sweep(tmp_path, runs)).runs)
    assert [(a["size"][0], b["size"][0]) for a, b in found] == [(50, 48)]
    # the nearest of all, 50 and 96, would leave 60 and 72 alone
    runs = [run("bilstm", 10, 50), run("bilstm", 12.2, 60)]
    runs += [run("transformer", 10.1, 96), run("transformer", 8.1, 72)]
    found = pairs(load(write_sweep(tmp_path, runs)).runs)
    assert [(a["size"][0], b["size"][0]) for a, b in found] == [(50, 72), (60, 96)]


def test_labels_of_near_marks_stand_on_different_sides(matplotlib):
    stood = []

    def paint(figure):
        axes = figure.subplots()
        axes.plot([0, 1, 1, 9], [0, 1, 1.05, 9], "o")
        points = [(1, 1), (1, 1.05), (9, 9)]
        mark_apart(axes, [(point, "H 100", "black", ABOVE_RIGHT) for point in points])
        stood.extend(text.xyann for text in axes.texts)

    draw(4, 3, paint)
    first, second, alone = stood
    assert first != second
    assert alone == ABOVE_RIGHT


def test_the_pareto_front_holds_what_nothing_beats():
    rows = [("a", 60, 1), ("b", 59, 2), ("c", 65, 3), ("d", 65, 4), ("e", 58, 1)]
    found = pd.DataFrame([*rows, ("unknown", 99, None)], columns=["name", "f1", "parameters"])
    found = found.assign(score=found["f1"].map(Average), latency=float("nan"))
    assert list(charts.pareto_front(found, "parameters")["name"]) == ["a", "c"]
    assert charts.pareto_front(found, "latency").empty


def test_charts_of_a_run(matplotlib, tmp_path):
    collected = load(write_run(tmp_path, results()))
    curves = charts.training_curves(collected.done[0])
    assert png_size(curves) == (1725, 1170)  # eight panels and the teacher's, in three rows
    assert png_size(charts.language_bars(collected.runs)) == (1725, 600)
    assert png_size(charts.staircase(collected.runs)) == (1725, 660)
    assert png_size(charts.cost_of_score(collected.runs))[0] == 1725


def test_charts_leave_out_what_there_is_none_of(tmp_path):
    values = results(languages=("en",), strategy="D1")
    values["steps"], values["teacher"]["history"] = [], None
    collected = load(write_run(tmp_path, values))
    assert charts.training_curves(collected.done[0]) is None
    assert charts.language_bars(collected.runs) is None
    assert charts.staircase(collected.runs) is None
    assert charts.cost_of_score(collected.runs[:0]) is None


class Page(HTMLParser):
    """Reads a page, and makes sure that its elements nest."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.images, self.names, self.words = [], [], set(), []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        if tag == "img":
            self.images.append(dict(attrs))
        elif tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_a_page_of_half_a_sweep(matplotlib, sweep):
    text = build_page(load(sweep))
    page = Page(text)
    assert "script" not in page.names
    assert not re.findall(r'(?:src|href)="(?!data:image/png;base64,)', text)
    assert "Sweep, 9 of 10 runs done" in text
    assert "not done" in page.words
    assert [image["alt"] for image in page.images] == [
        "Training curves",
        "Teacher and student by language",
        "After each step",
        "What a score costs",
        "Figure 1",
        "Figure 2",
        "Figure 3",
    ]
    for table in (4, 5, 15, 16, 17):
        assert f"Table {table}. " in text
    assert "Left out" in text


def test_a_page_says_why_something_is_not_shown(undrawn, tmp_path):
    runs = [({}, results(test="a", languages=("en",))), ({}, results(test="b", dropout=0.5))]
    text = build_page(load(write_sweep(tmp_path, runs)))
    assert "Table 11 holds runs scored on one test set. Received: test set a: run-0;" in text
    assert "The figure of score against cost holds runs scored on one test set" in text


def test_everything_on_a_page_is_escaped(undrawn, tmp_path):
    values = results(teacher=EVIL, data_dir=EVIL, languages=("en", EVIL))
    values["hardware"]["cpu"] = EVIL
    folder = write_sweep(tmp_path, [({EVIL: EVIL}, values)])
    sweep = json.loads((tmp_path / "sweep.json").read_text())
    sweep["name"] = sweep["runs"][0]["id"] = EVIL
    (tmp_path / "sweep.json").write_text(json.dumps(sweep))
    said = {name: [EVIL] for name in ("words", "true", "teacher")} | {"student": [EVIL + "2"]}
    path = tmp_path / "runs" / "0" / "disagreements.json"
    path.write_text(json.dumps({EVIL: [said]}))
    text = build_page(load(folder))
    assert "<script" not in text
    assert "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;&amp;" in text
    assert "script" not in Page(text).names


def test_disagreements_mark_the_words_and_keep_the_language(undrawn, tmp_path):
    said = {
        "words": ["<b>", "in", "Paris"],
        "true": ["O", "O", "B-LOC"],
        "teacher": ["O", "O", "B-LOC"],
        "student": ["O", "O", "B-ORG"],
    }
    write_run(tmp_path, results())
    (tmp_path / "disagreements.json").write_text(json.dumps({"fr": [said]}))
    text = build_page(load(str(tmp_path)))
    assert '<p dir="auto" lang="fr">&lt;b&gt; in <mark>Paris</mark></p>' in text
    _, text = text.split("<details><summary>fr (1)</summary>")
    assert text.count("<tr>") == 2  # the heading, and the one word that differs
    assert '<td dir="auto">Paris</td><td>B-LOC</td><td>B-LOC</td><td>B-ORG</td>' in text


def test_disagreements_of_texts_have_one_class_each(tmp_path):
    said = {"words": ["a", "b"], "true": ["x"], "teacher": ["x"], "student": ["y"]}
    write_run(tmp_path, results())
    (tmp_path / "disagreements.json").write_text(json.dumps({"": [said]}))
    ((sentence,),) = read_disagreements(load(str(tmp_path)).done[0]).values()
    assert sentence.rows == [("(text)", "x", "x", "y")]
    assert sentence.words == [("a", False), ("b", False)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"fr": "x"}, "fr must be a list"),
        ({"fr": [{"words": ["a", "b"]}]}, r"fr \[0\] lacks 'true'"),
        ({"fr": [{"words": "a"}]}, r"fr \[0\] lacks 'true'"),
        ({"fr": [{n: ["a"] for n in SAID} | {"words": "a"}]}, r"fr \[0\] words must be a list"),
        ({"fr": [{n: ["a"] for n in SAID} | {"true": ["a", "b"]}]}, "fr: .* a tag per word"),
    ],
)
def test_damaged_disagreements_are_named(tmp_path, content, message):
    write_run(tmp_path, results())
    (tmp_path / "disagreements.json").write_text(json.dumps(content))
    with pytest.raises(ArtifactError, match=rf"disagreements\.json: {message}.*Received: "):
        read_disagreements(load(str(tmp_path)).done[0])


def test_a_run_without_disagreements_has_none(tmp_path):
    assert read_disagreements(load(write_run(tmp_path, results())).done[0]) == {}


def test_headings_of_a_page_have_two_lines_and_numbers_stand_to_the_right(undrawn, tmp_path):
    text = build_page(load(write_run(tmp_path, results())))
    assert '<th class="text">data set<small>measured</small></th>' in text
    assert '<th class="number">F1<small>paper</small></th>' in text
    assert '<td class="number">81.64</td>' in text


def test_a_report_is_printed_and_written(matplotlib, tmp_path):
    folder = write_run(tmp_path / "run", results())
    printed = write_report(folder, table=4, figure=2)
    out = tmp_path / "run" / "report"
    assert sorted(p.name for p in out.iterdir()) == ["figure-2.png", "table-4.md", "table-4.txt"]
    assert (out / "table-4.txt").read_text(encoding="utf-8") in printed
    assert (out / "table-4.md").read_text(encoding="utf-8") in printed
    assert "Figure 2. F1 by language" in printed
    assert f"written: {out / 'table-4.md'}" in printed
    png_size((out / "figure-2.png").read_bytes())


def test_a_page_is_written_where_it_is_asked_for(undrawn, tmp_path):
    folder = write_run(tmp_path / "run", results())
    printed = write_report(folder, page=True, output_dir=str(tmp_path / "there"))
    assert printed == f"written: {tmp_path / 'there' / 'report.html'}"
    assert (tmp_path / "there" / "report.html").read_text(encoding="utf-8").endswith("</html>\n")


def test_a_report_that_fails_writes_nothing(tmp_path):
    folder = write_run(tmp_path / "run", results())
    with pytest.raises(ConfigError, match="figure=9"):
        write_report(folder, table=4, figure=9)
    assert not (tmp_path / "run" / "report").exists()


def test_a_report_of_nothing_says_what_it_can_do(tmp_path):
    with pytest.raises(ConfigError, match=r"--table \(1 to 17\), --figure \(1 to 3\) or --page"):
        write_report(str(tmp_path))


def test_reports_need_no_tensorflow():
    code = (
        "import sys; import xtremedistil.report.report; assert not {'tensorflow', 'keras', "
        "'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_end_of_a_run_and_latency_need_no_pandas():
    code = (
        "import sys; import xtremedistil.report.summary, xtremedistil.report.collected; "
        "assert not {'pandas', 'jinja2', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["pandas", "jinja2"])
def test_reports_say_what_they_need(tmp_path, name):
    folder = write_run(tmp_path / "run", results())
    code = (
        f"import sys; sys.modules[{name!r}] = None\n"
        f"sys.argv = ['', 'report', '--folder={folder}', '--table=4']\n"
        "import runpy; runpy.run_module('xtremedistil', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert 'reports need pandas and jinja2: pip install "xtremedistil[report]"' in line


def test_an_undefined_score_is_said_and_in_no_mean(tmp_path, undrawn):
    nothing = {"mean": None, "std": None, "per_language": {"de": None, "en": None}}
    content = results(languages=("de", "en"))
    for model in ("teacher", "student"):
        content[model]["f1"] = nothing
    content["retained"] = None
    folder = write_run(tmp_path / "run", content)
    assert "nan" not in build_page(load(folder)).lower()
    runs = load(folder).runs
    assert runs["student"].iloc[0] is None
    shown = Score(mean=None, std=None, per_language={})
    assert str(shown) == "undefined (no entity is there)"
