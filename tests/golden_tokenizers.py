"""The golden tokenizers, for the tests of those who read them."""

import json
import pathlib
import shutil

from xtremedistil.tokenization.kind import TokenizerFolder

GOLDEN = pathlib.Path(__file__).parent / "golden"


def golden(name):
    """What the references made of a folder's texts."""
    return json.loads((GOLDEN / name / "golden.json").read_text("utf-8"))


def opened(kind, name, *files):
    """The tokenizer that a class reads from some files of a golden folder; from all without any."""
    return kind.from_folder(TokenizerFolder(str(GOLDEN / name), files or None))


def copied(folder, name, *files, **changes):
    """Copies files of a golden folder, and changes them.

    Args:
        folder: where they go.
        name: of the golden folder.
        files: names, all without any.
        changes: a function for each file that is changed, by its name without an ending: from its
            content, JSON or bytes, to another, or None where it changes what it is given.
    """
    for path in sorted((GOLDEN / name).iterdir()):
        if files and path.name not in files:
            continue
        change = changes.get(path.name.split(".")[0])
        if change is None:
            shutil.copy(path, folder)
            continue
        is_json = path.suffix == ".json"
        content = json.loads(path.read_bytes()) if is_json else path.read_bytes()
        changed = change(content)
        content = content if changed is None else changed
        content = json.dumps(content).encode() if is_json else content
        (folder / path.name).write_bytes(content)
    return str(folder)
