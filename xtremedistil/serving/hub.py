"""Students on the Hugging Face hub: fetched by name, and put there.

What comes from the hub is untrusted. The one JSON file that describes a folder is fetched first;
of the files that it names, only those of the kinds that a student is made of are fetched, by name,
at the same commit. Code and pickles are never among them.
"""

import os
import re
from collections.abc import Mapping
from typing import Any

from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError, ConfigError
from xtremedistil.serving.exports.card import CARD
from xtremedistil.students.folder import BUNDLE, student_in

SCHEME, README = "hf://", "README.md"
_NAME = re.compile(r"[\w][\w.-]*/[\w][\w.-]*(@\w[\w./-]*)?")
_FILE = re.compile(r"[\w][\w.-]*")
_ENDINGS = (".json", ".safetensors", ".txt", ".model", ".onnx", ".int8", ".tflite")


def find_student(name: str) -> str:
    """The local folder of a student, from a folder or a name on the hub.

    Args:
        name: a folder, which wins; or `user/name` or `hf://user/name`, with `@revision` behind it
            for another than the newest.

    Raises:
        ArtifactError: it is neither, the hub cannot be reached or has no such student, or its
            description names what no student has.
    """
    wanted = name.removeprefix(SCHEME)
    is_named = name.startswith(SCHEME)
    if not is_named and (files.exists(name) or not _NAME.fullmatch(name)):
        return name
    if not _NAME.fullmatch(wanted) or ".." in wanted:
        raise ArtifactError(f"a student on the hub is named user/name. Received: {name!r}")
    repository, _, revision = wanted.partition("@")
    hub = _library()
    try:
        described = _description(hub, repository, revision or None)
        folder = os.path.dirname(described)
        commit = os.path.basename(folder)
        names = described_names(files.read_json(described), described)
        return hub.snapshot_download(repository, revision=commit, allow_patterns=names)
    except ArtifactError:
        raise
    except Exception as error:  # many kinds, one meaning: it cannot be had from here
        raise ArtifactError(
            "--model must be the folder of a student or of an export, or a name on the hub that "
            f"can be reached from here ({type(error).__name__}). Received: {name!r}"
        ) from error


def _description(hub: Any, repository: str, revision: str | None) -> str:
    """The local path of the file that describes a student's folder, or an export's."""
    try:
        return hub.hf_hub_download(repository, BUNDLE, revision=revision)
    except hub.errors.EntryNotFoundError:
        return hub.hf_hub_download(repository, CARD, revision=revision)


def described_names(content: Any, path: str) -> list[str]:
    """The files that belong to a folder, as its description names them.

    Args:
        content: of the description.
        path: of the description.

    Raises:
        ArtifactError: a name leads elsewhere, or is not of a file that a student has.
    """
    listed = content.get("files") if isinstance(content, Mapping) else None
    if not isinstance(listed, Mapping):
        raise ArtifactError(f"{path}: not a description: it names no files.")
    for name in listed:
        if not _FILE.fullmatch(name) or not name.endswith(_ENDINGS):
            raise ArtifactError(
                f"{path}: a student's files lie beside it and are of the kinds "
                f"{', '.join(_ENDINGS)}. Received: {name!r}"
            )
    return [os.path.basename(path), *listed]


def push(folder: str, repository: str, private: bool = False) -> str:
    """Puts a student's folder, or an export's, on the hub.

    Args:
        folder: of a student, with its card, or of an export that `load` reads.
        repository: `user/name`, which is made if it is not there.
        private: for its owner alone, where it is made.

    Returns:
        The address of the commit.

    Raises:
        ArtifactError: the folder is none of these.
        ConfigError: the name is none, or the hub refuses.
    """
    repository = repository.removeprefix(SCHEME)
    if not _NAME.fullmatch(repository) or "@" in repository:
        raise ConfigError(f"--repository is named user/name. Received: repository={repository!r}")
    given = folder
    if not files.exists(os.path.join(folder, CARD)):
        folder = student_in(folder)
    found = [name for name in (BUNDLE, CARD) if files.exists(os.path.join(folder, name))]
    if not found:
        raise ArtifactError(
            f"--model must be the folder of a student, of a run, or of an export that has a "
            f"{CARD}. Received: {given!r}"
        )
    path = os.path.join(folder, found[0])
    content = files.read_json(path)
    names = described_names(content, path)
    for name in names[1:]:
        files.check_file(os.path.join(folder, name), content["files"][name])
    hub = _library()
    try:
        api = hub.HfApi()
        api.create_repo(repository, private=private, exist_ok=True)
        done = api.upload_folder(
            repo_id=repository,
            folder_path=folder,
            allow_patterns=[*names, README],
            commit_message="Add a student of XtremeDistil",
        )
    except Exception as error:  # many kinds, one meaning
        raise ConfigError(
            "the hub refuses, or cannot be reached from here; `hf auth login` names you to it. "
            f"Received: repository={repository!r} ({type(error).__name__}: {error!s:.200})"
        ) from error
    return str(done.commit_url)


def _library() -> Any:
    import huggingface_hub.errors  # only for names on the hub: it opens connections

    return huggingface_hub
