"""A folder that plays the Hugging Face hub, with the part of its library that students use."""

import fnmatch
import os
import pathlib
import shutil
import types

import huggingface_hub.errors

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def play(shelf: pathlib.Path, cache: pathlib.Path) -> types.SimpleNamespace:
    """The library of a hub that holds what lies on a shelf, and keeps what is fetched in a cache.

    Its `fetched` lists the names of files that were fetched, its `asked` repositories and
    revisions. Files are linked into the cache: those of gigabytes take no time.
    """
    fetched: list[str] = []
    asked: list[tuple[str, str | None]] = []

    def fetch(repository, name):
        source, there = shelf / repository / name, cache / repository / COMMIT
        if not source.exists():
            raise huggingface_hub.errors.LocalEntryNotFoundError(f"no {name}")
        there.mkdir(parents=True, exist_ok=True)
        (there / name).unlink(missing_ok=True)
        os.link(source, there / name)
        fetched.append(name)
        return str(there / name)

    def download(repository, name, revision):
        asked.append((repository, revision))
        return fetch(repository, name)

    def snapshot(repository, revision, allow_patterns):
        assert revision == COMMIT
        for name in sorted(os.listdir(shelf / repository)):
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in allow_patterns):
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

    return types.SimpleNamespace(
        errors=huggingface_hub.errors,
        HfApi=Api,
        hf_hub_download=download,
        snapshot_download=snapshot,
        fetched=fetched,
        asked=asked,
    )
