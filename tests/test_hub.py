"""Students by name: a folder plays the hub."""

import fnmatch
import os
import shutil
import types

import huggingface_hub.errors
import pytest
from native.students import save_student

import xtremedistil
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError, ConfigError
from xtremedistil.serving import hub
from xtremedistil.serving.hub import find_student, push

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def played(tmp_path, monkeypatch):
    """A hub of local folders, and what was fetched from it."""
    shelf, cache, fetched = tmp_path / "shelf", tmp_path / "cache", []

    def fetch(repository, name):
        source, there = shelf / repository / name, cache / repository / COMMIT
        if not source.exists():
            raise huggingface_hub.errors.LocalEntryNotFoundError(f"no {name}")
        there.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, there / name)
        fetched.append(name)
        return str(there / name)

    def snapshot(repository, revision, allow_patterns):
        assert revision == COMMIT
        for name in sorted(os.listdir(shelf / repository)):
            if any(fnmatch.fnmatch(name, pattern) for pattern in allow_patterns):
                fetch(repository, name)
        return str(cache / repository / COMMIT)

    class Api:
        def create_repo(self, repository, private, exist_ok):
            (shelf / repository).mkdir(parents=True, exist_ok=exist_ok)

        def upload_folder(self, repo_id, folder_path, allow_patterns, commit_message):
            for name in os.listdir(folder_path):
                if name in allow_patterns:
                    shutil.copy(os.path.join(folder_path, name), shelf / repo_id / name)
            return types.SimpleNamespace(commit_url=f"https://hub/{repo_id}/commit/{COMMIT}")

    played = types.SimpleNamespace(
        errors=huggingface_hub.errors,
        HfApi=Api,
        hf_hub_download=lambda repository, name, revision: fetch(repository, name),
        snapshot_download=snapshot,
    )
    monkeypatch.setattr(hub, "_library", lambda: played)
    monkeypatch.chdir(tmp_path)
    return types.SimpleNamespace(shelf=shelf, fetched=fetched)


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
