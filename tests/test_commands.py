"""The commands of `xtremedistil`, called as the command line calls them."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
import tiny_bert
from test_serving import make

from xtremedistil.cli import commands, flag_files
from xtremedistil.cli.programs import quiet_tensorflow
from xtremedistil.cli.runs import SweepOptions
from xtremedistil.config import options
from xtremedistil.runtime.errors import CheckpointError, ConfigError, DataError
from xtremedistil.serving.exports.options import ExportOptions

HUSHED = "TF_CPP_MIN_LOG_LEVEL"
TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    return make(tmp_path_factory.mktemp("student"))


@pytest.fixture
def data(tmp_path):
    sentences = "Anna\tB-PER\nrests\tO\n\nParis\tB-LOC\n\n"
    for language in ("de", "fr"):
        (tmp_path / language).mkdir()
        for split in ("train", "test"):
            (tmp_path / language / f"{split}.tsv").write_text(sentences)
    return tmp_path


def test_predict_writes_an_answer_a_line(student, tmp_path, capsys):
    (tmp_path / "a.txt").write_text("Anna rests.\n\n")
    (tmp_path / "b.txt").write_text("東京 Paris\n")
    files = (str(tmp_path / "a.txt"), str(tmp_path / "b.txt"))
    commands.predict(commands.PredictOptions(model=student, input=files, workers=2))
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["text"] for answer in answers] == ["Anna rests.", "", "東京 Paris"]
    commands.predict(commands.PredictOptions(model=student, input=files[1:], format="conll"))
    words = [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()]
    assert words == ["東", "京", "Paris", ""]


def evaluated(**given):
    return commands.evaluate(commands.EvaluateOptions(**given)).text.splitlines()


def test_evaluate_scores_each_language(student, data):
    lines = evaluated(model=student, data_dir=str(data))
    assert [line.split()[0] for line in lines] == ["de", "fr", "f1"]
    assert lines[0].split()[1] == lines[1].split()[1]  # the same sentences
    assert lines[2].endswith("4 sentences")
    with pytest.raises(DataError, match="no dev file"):
        evaluated(model=student, data_dir=str(data), split="dev")


def test_evaluate_asks_for_no_file_but_that_of_the_split(student, data):
    whole = evaluated(model=student, data_dir=str(data))
    for file in data.rglob("train.tsv"):
        file.unlink()
    assert evaluated(model=student, data_dir=str(data)) == whole


def test_evaluate_sets_a_teacher_beside_a_student(student, data, tmp_path):
    teacher = tiny_bert.write(str(tmp_path / "teacher"), labels=("O", "B-LOC", "B-PER"))
    given = {"data_dir": str(data), "model": student}
    options = commands.EvaluateOptions(**given, against=teacher)
    text, content = commands.evaluate(options)
    own, other = (content["models"][name]["f1"]["mean"] for name in ("model", "against"))
    assert own == commands.evaluate(commands.EvaluateOptions(**given)).content["f1"]["mean"]
    found = content["difference"]
    assert found["percent"] == pytest.approx(own - other)
    assert found["low"] <= found["percent"] <= found["high"]
    languages, named, last = text.splitlines()[:2], text.splitlines()[2:4], text.splitlines()[4]
    assert [len(line.split()) for line in languages] == [3, 3]
    assert [line.split(": ")[1] for line in named] == [student, teacher]
    assert last.startswith(f"difference {own - other:+.2f} f1 (95% interval ")
    alone = commands.evaluate(commands.EvaluateOptions(**given | {"model": teacher}))
    assert alone.content == content["models"]["against"]
    with pytest.raises(CheckpointError, match="with a head for classification"):
        commands.evaluate(dataclasses.replace(options, task="classification"))


def test_evaluate_reads_data_as_a_run_does_and_says_what_is_undefined(student, tmp_path):
    rows = {"de": "1\tAnna\tO\n2\trests\tO\n\n", "fr": "1\tAnna\tS-PER\n2\trests\tO\n\n"}
    for language, content in rows.items():
        (tmp_path / language).mkdir()
        for split in ("train", "test"):
            (tmp_path / language / f"{split}.tsv").write_text(content)
    given = {"model": student, "data_dir": str(tmp_path)}
    with pytest.raises(DataError, match="the first column counts"):
        evaluated(**given)
    given |= {"token_column": "2", "tag_column": "3"}
    with pytest.raises(ConfigError, match=r"the model's task is ner\. Received: task=classif"):
        evaluated(**given, task="classification")
    german, french, both = evaluated(**given)
    assert german.split() == ["de", "none"]
    assert both.split()[1] == french.split()[1]  # the mean of what is defined
    (tmp_path / "fr" / "test.tsv").write_text(rows["de"])
    assert evaluated(**given)[-1].startswith("f1 undefined (no entity is there)")


def test_results_are_on_standard_output_and_no_library_speaks(student, data):
    """With Keras, and so with TensorFlow, which has much to say."""
    given = ["evaluate", f"--model={student}", f"--data_dir={data}", "--backend=keras", "--json"]
    done = run_command(*given)
    scores = json.loads(done.stdout)
    assert list(scores["f1"]["per_language"]) == ["de", "fr"]
    assert done.stderr == ""
    (data / "texts.txt").write_text("Anna\n" * 3)
    given = ["predict", f"--model={student}", f"--input={data}/texts.txt", "--quiet"]
    done = run_command(*given)
    assert (len(done.stdout.splitlines()), done.stderr) == (3, "")


def run_command(*arguments):
    """A command in a process whose environment hushes nobody."""
    environment = {name: value for name, value in os.environ.items() if name != HUSHED}
    command = [sys.executable, "-m", "xtremedistil", *arguments]
    settings = {"env": environment, "capture_output": True, "text": True, "check": True}
    return subprocess.run(command, **settings)


def test_export_writes_what_predict_reads(student, tmp_path, capsys):
    out = str(tmp_path / "onnx")
    commands.export(ExportOptions(student, out, format="onnx"))
    (tmp_path / "a.txt").write_text("Anna rests in Paris.\n")
    found = []
    for model in (student, out):
        options = commands.PredictOptions(model=model, input=(str(tmp_path / "a.txt"),))
        commands.predict(options)
        found.append(capsys.readouterr().out)
    assert found[0] == found[1]
    with pytest.raises(ConfigError, match="must name folders"):
        ExportOptions()
    held = r"--format=native holds weights with --quantize=int8\. Received: quantize=none"
    with pytest.raises(ConfigError, match=held):
        ExportOptions(student, out, format="native")
    with pytest.raises(ConfigError, match=r"--jit_compile is for saved_model\. Received: form"):
        ExportOptions(student, out, format="onnx", jit_compile=True)


def test_export_takes_the_student_of_a_run(student, tmp_path):
    shutil.copytree(student, tmp_path / "run" / "student")
    out = str(tmp_path / "onnx")
    commands.export(ExportOptions(str(tmp_path / "run"), out, format="onnx"))
    assert os.path.exists(os.path.join(out, "student.onnx"))


def test_a_command_without_its_folder_says_so():
    with pytest.raises(ConfigError, match=r"--model must name a student's folder"):
        commands.predict(commands.PredictOptions())
    with pytest.raises(ConfigError, match=r"--model must name a student's folder"):
        commands.evaluate(commands.EvaluateOptions())
    with pytest.raises(ConfigError, match=r"--output_dir must name a folder"):
        commands.fetch(commands.FetchOptions(dataset="sst2"))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 0, "COMMAND --flag=value"),
        (["--help"], 0, "  distil     distil a teacher into a tiny student"),
        (["learn"], 2, "there is no such command. Received: learn\n\nxtremedistil COMMAND"),
        (["learn"], 2, "\n  evaluate "),
        (["distil", "--flagfile=largest"], 2, "--flagfile takes a path, or one of minilm6, sample"),
        (["report", "--folder=/nowhere", "--table=18"], 2, "a report needs the folder of a run"),
        (["report", "--table=3"], 2, "--folder must name a run's or a sweep's. Received: nothing"),
        (["latency"], 2, "--folder must name a run's or a sweep's. Received: nothing"),
        (["distil", "--teacher_layr=7"], 2, "Did you mean: teacher_layer ?. --help lists the fl"),
        (["report", "--table=x"], 2, "flag --table=x: invalid literal for int() with base 10: 'x'"),
        (["predict", "text"], 2, "options are given as --name=value. Received: text"),
    ],
)
def test_the_command_line_names_mistakes(arguments, code, words):
    command = [sys.executable, "-m", "xtremedistil", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_every_command_has_help_and_options_with_help():
    for command in commands.COMMANDS.values():
        assert len(command.help) > 10
        fields = command.options.__dataclass_fields__.values() if command.options else ()
        assert all(len(field.metadata["help"]) > 10 for field in fields)


def help_of(*program):
    command = [sys.executable, *program, "--help"]
    settings = {"env": {**os.environ, "COLUMNS": "80"}, "cwd": TOP}
    done = subprocess.run(command, capture_output=True, text=True, check=True, **settings)
    assert max(map(len, done.stdout.splitlines())) <= 80
    return done.stdout


LAST = ["quiet", "json", "flagfile", "helpfull"]


def described(text):
    """The flags that a help lists, in order."""
    return re.findall(r"^  --(?:\[no\])?(\w+)", text, re.MULTILINE)


def test_help_lists_the_flags_of_a_run_by_section():
    text = help_of("run_distil.py")
    assert described(text) == [*options(), "config", "recipe", *LAST]
    titles = [line for line in text.splitlines()[1:] if line and not line.startswith(" ")]
    assert titles == [
        "Data",
        "Teacher",
        "Student",
        "Distillation",
        "Run",
        "Output",
        "Flags of absl",
    ]
    assert "  --task=ner|classification   [ner]\n      What the labels are: tags" in text
    assert "  --dropout=X   [0.2; up to 0.99]\n" in text
    assert "  --[no]export   [on]\n" in text
    assert "  --logit_epochs=N,...   [1,2,8,12]\n" in text
    assert help_of("-m", "xtremedistil", "distil") == text
    assert described(help_of("run_teacher.py")) == [n for n in described(text) if n != "stage"]


def test_help_lists_the_flags_of_a_command():
    own = [field.name for field in dataclasses.fields(ExportOptions)]
    assert described(help_of("-m", "xtremedistil", "export")) == [*own, *LAST]
    text = help_of("-m", "xtremedistil", "sweep")
    own = [field.name for field in dataclasses.fields(SweepOptions)]
    assert described(text) == [*own, *options(), "config", "recipe", *LAST]
    assert "--vary=TEXT (repeated)   [empty]" in text


@pytest.mark.parametrize("given", ["small", "small.flags", "flags/small.flags"])
def test_flag_files_of_the_package_have_names(given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert flag_files.find(given) == os.path.join(TOP, "flags", "small.flags")
    (tmp_path / "small.flags").write_text("--sweep=own\n")
    own = flag_files.find("small.flags")
    assert (own, [*flag_files.read(own)]) == ("small.flags", ["--sweep=own"])


def test_flag_files_stand_where_they_are_named(tmp_path):
    inner, outer = tmp_path / "inner.flags", tmp_path / "outer.flags"
    inner.write_text("# of the inner one\n--b=2\n\n// more\n  --c=3  \n")
    outer.write_text(f"--flagfile={inner}\n--d=4\n")
    given = ["--a=1", f"--flagfile={outer}", "--b=5", "-flagfile", str(inner)]
    values = ["--a=1", "--b=2", "--c=3", "--d=4", "--b=5", "--b=2", "--c=3"]
    assert flag_files.expanded(given) == values
    inner.write_text(f"--flagfile={outer}\n")
    with pytest.raises(ConfigError, match="may not hold itself"):
        flag_files.expanded(given)


@pytest.mark.parametrize(
    ("stopped", "shown"), [(ImportError, "notice"), (KeyboardInterrupt, ""), (SystemExit, "")]
)
def test_notices_are_shown_of_a_failed_import_alone(monkeypatch, capfd, stopped, shown):
    class Failing:
        @property
        def config(self):
            os.write(2, b"notice")
            raise stopped

    monkeypatch.setitem(sys.modules, "tensorflow", Failing())
    with pytest.raises(stopped):
        quiet_tensorflow()
    assert capfd.readouterr().err == shown
