"""Students by name: a folder plays the hub."""

import os
import types

import fake_hub
import pytest
from fake_hub import COMMIT
from native.students import save_student

import xtremedistil
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError, ConfigError
from xtremedistil.serving import hub
from xtremedistil.serving.hub import find_student, push


@pytest.fixture
def played(tmp_path, monkeypatch):
    """A hub of local folders, and what was fetched from it."""
    library = fake_hub.play(tmp_path / "shelf", tmp_path / "cache")
    monkeypatch.setattr(hub, "_library", lambda: library)
    monkeypatch.chdir(tmp_path)
    return types.SimpleNamespace(
        shelf=tmp_path / "shelf", fetched=library.fetched, asked=library.asked
    )


@pytest.fixture
def student(tmp_path):
    save_student(str(tmp_path / "OUT" / "student"))
    (tmp_path / "OUT" / "student" / "README.md").write_text("# A card\n")
    (tmp_path / "OUT" / "student" / "notes.py").write_text("raise SystemExit\n")
    return str(tmp_path / "OUT" / "student")


def test_a_student_goes_to_the_hub_and_comes_back(played, student):
    assert push(student, "user/tiny").endswith(f"user/tiny/commit/{COMMIT}")
    there = sorted(os.listdir(played.shelf / "user/tiny"))
    assert "README.md" in there
    assert "notes.py" not in there
    text = "a ab Paris"
    for name in ("user/tiny", "hf://user/tiny", "hf://user/tiny@main"):
        assert xtremedistil.load(name, quantize="int8").tag(text).tags == (
            xtremedistil.load(student, quantize="int8").tag(text).tags
        )
    assert "README.md" not in played.fetched


def test_code_and_pickles_on_the_hub_are_not_fetched(played, student):
    push(student, "user/tiny")
    for name in ("modeling.py", "weights.bin", "weights.pkl", "tokenizer.json"):
        (played.shelf / "user/tiny" / name).write_bytes(b"x")
    folder = find_student("user/tiny")
    written = set(files.read_json(os.path.join(folder, "bundle.json"))["files"])
    assert set(os.listdir(folder)) == {"bundle.json", *written}


@pytest.mark.parametrize("name", ["../x.json", "a/b.json", "evil.py", "w.bin", "*.json", ""])
def test_a_description_that_leads_elsewhere_is_refused(played, student, name):
    push(student, "user/tiny")
    path = str(played.shelf / "user/tiny" / "bundle.json")
    content = files.read_json(path)
    content["files"][name] = {"bytes": 1, "sha256": "0"}
    files.write_json(path, content)
    with pytest.raises(ArtifactError, match="lie beside it"):
        find_student("user/tiny")
    assert set(played.fetched) == {"bundle.json"}


@pytest.mark.parametrize("revision", ["/etc/passwd", "..", "a/../../b", "-x", "", "a b"])
def test_a_revision_that_leads_elsewhere_is_refused(played, student, revision):
    """The library keeps a file of a revision's name in its cache."""
    push(student, "user/tiny")
    with pytest.raises(ArtifactError, match="user/name"):
        find_student(f"hf://user/tiny@{revision}")
    assert played.asked == []


def test_a_local_folder_of_that_name_wins(played, student):
    assert find_student("OUT/student") == "OUT/student"
    assert find_student("/no/such/folder") == "/no/such/folder"
    assert played.fetched == []


def test_what_is_not_there_is_one_error(played, student):
    with pytest.raises(ArtifactError, match="a name on the hub"):
        find_student("user/nothing")
    with pytest.raises(ArtifactError, match="user/name"):
        find_student("hf://user/../../etc")
    with pytest.raises(ConfigError, match="user/name"):
        push(student, "tiny")
    with pytest.raises(ArtifactError, match="--model must be the folder"):
        push(str(played.shelf), "user/tiny")
