"""Parts of a run: recognised when done, and after damage made again, but only what is broken."""

import json
import multiprocessing
import os
import signal
import socket

import absl.logging
import numpy as np
import pytest

from xtremedistil.config import DataConfig
from xtremedistil.data.ragged import Ragged
from xtremedistil.data.sample import vocabulary_dir
from xtremedistil.data.shards import is_whole, read_shard, record_of, save_shard
from xtremedistil.data.sources import find_sources
from xtremedistil.data.transfer import read_sentences, transfer_contents
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import ArtifactError
from xtremedistil.runtime.parts import DONE, INPUTS, Part
from xtremedistil.tokenization.registry import open_tokenizer

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def part(tmp_path):
    """A part that is done, with one file."""
    made = Part(str(tmp_path / "part"), {"a": 1})

    def maker():
        with open(made.path("file"), "wb") as file:
            file.write(b"content")
        return {"answer": 42}, ("file",)

    made.make(maker)
    return made


def never():
    pytest.fail("it was made again")


def test_a_part_that_is_done_is_not_made_again(part):
    part.check(overwrite=False)
    assert part.ensure(never)["answer"] == 42


def test_a_damaged_file_makes_its_part_undone(part):
    with open(part.path("file"), "r+b") as file:
        file.write(b"C")
    assert part.results() is None
    assert part.ensure(lambda: ({"answer": 43}, ()))["answer"] == 43


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"results": 3}', b'{"files": {"x": 1}}'])
def test_a_damaged_record_makes_its_part_undone(part, content):
    with open(part.path(DONE), "wb") as file:
        file.write(content)
    assert part.results() is None


@pytest.mark.parametrize("content", [b"", b'{"a', b"[]"])
def test_damaged_inputs_are_mended_from_the_record_of_the_same_part(part, content):
    with open(part.path(INPUTS), "wb") as file:
        file.write(content)
    part.check(overwrite=False)
    assert part.ensure(never)["answer"] == 42
    with pytest.raises(ArtifactError, match=r"was made by another run \(a: 1 there, 2 now\)"):
        Part(part.folder, {"a": 2}).check(overwrite=False)


def test_damaged_inputs_without_a_record_start_the_part_again(part):
    os.remove(part.path(DONE))
    with open(part.path(INPUTS), "wb") as file:
        file.write(b"{")
    part.check(overwrite=False)
    assert not os.path.exists(part.folder)


def test_what_a_kill_left_of_a_file_does_not_strand_an_empty_part(tmp_path):
    os.makedirs(tmp_path / "part")
    (tmp_path / "part" / ".inputs.json.part").write_bytes(b"{")
    part = Part(str(tmp_path / "part"), {"a": 1})
    part.check(overwrite=False)
    assert part.ensure(lambda: ({"answer": 1}, ()))["answer"] == 1


def make(folder, began, waits, answer, log):
    """Makes the shared part of a folder in a process of its own, and says what it got. The first
    one is at work until another waits for it."""
    lines = []

    def hear(text, *values):
        lines.append(text % values)
        waits.set()

    def maker():
        began.set()
        assert answer != 1 or waits.wait(120)
        return {"answer": answer}, ()

    absl.logging.info = hear
    found = Part(folder, {"a": 1}, shared=True).ensure(maker)["answer"]
    with open(log, "w", encoding="utf-8") as file:
        json.dump([found, lines], file)


def two_processes(tmp_path, between):
    """The second starts once the first is at work; what each found and logged."""
    folder, processes, logs = str(tmp_path / "part"), [], []
    began, waits = SPAWN.Event(), SPAWN.Event()
    for answer in (1, 2):
        log = tmp_path / f"log{answer}"
        process = SPAWN.Process(target=make, args=(folder, began, waits, answer, log))
        process.start()
        if answer == 1:
            assert began.wait(120)
            between(process)
        processes.append(process)
        logs.append(log)
    for process in processes:
        process.join(120)
    return processes, [json.loads(log.read_text()) if log.exists() else None for log in logs]


def test_a_shared_part_that_another_process_makes_is_waited_for(tmp_path):
    (first, _), found = two_processes(tmp_path, lambda process: None)
    waiting = f"part is being made by another run (process {first.pid} on {socket.gethostname()})"
    assert found[0] == [1, []]
    assert found[1] == [1, [f"{tmp_path}/{waiting}: waiting for it."]]


def test_a_dead_process_holds_no_shared_part(tmp_path):
    (first, second), found = two_processes(
        tmp_path, lambda process: (process.kill(), process.join())
    )
    assert (first.exitcode, second.exitcode) == (-signal.SIGKILL, 0)
    assert found == [None, [2, []]]


def rows(seed):
    ids = [np.random.default_rng(seed).integers(0, 9, n).astype(np.int32) for n in (3, 5)]
    return Ragged.from_lists({"ids": ids}, {})


@pytest.mark.parametrize("damage", ["truncated", "altered", "gone", "record"])
def test_a_damaged_shard_is_named_and_its_maker_hears_of_it(tmp_path, damage):
    path, mark = str(tmp_path / "00000.safetensors"), str(tmp_path / DONE)
    save_shard(rows(0), path)
    (tmp_path / DONE).write_text("{}")
    assert is_whole(path)
    assert len(read_shard(path, set(), mark)) == 2
    if damage == "truncated":
        os.truncate(path, 50)
    elif damage == "altered":
        with open(path, "r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"\x7f")
    elif damage == "gone":
        os.remove(path)
    else:
        with open(record_of(path), "wb") as file:
            file.write(b'{"bytes": ')
    assert is_whole(path) == (damage == "altered")
    with pytest.raises(ArtifactError, match=r"00000.*Run the same command again: only .* is made"):
        read_shard(path, set(), mark)
    assert not os.path.exists(mark)


def test_a_damaged_transfer_set_is_made_again_and_the_same(tmp_path):
    from xtremedistil.data.labeled import prepare_labeled
    from xtremedistil.data.shards import shard_name
    from xtremedistil.data.transfer import prepare_transfer

    os.makedirs(tmp_path / "data")
    text = "".join(f"w{i}\tO\nBerlin\tB-LOC\n\n" for i in range(60))
    for name in ("train", "dev"):
        (tmp_path / "data" / f"{name}.tsv").write_text(text)
    config = DataConfig(data_dir=str(tmp_path / "data"))
    sources, tokenizer = find_sources(config), open_tokenizer(vocabulary_dir())
    labeled = str(tmp_path / "labeled")
    os.makedirs(labeled)
    prepare_labeled(config, sources, tokenizer, None, 5, labeled)
    part = Part(str(tmp_path / "transfer"), transfer_contents(config, sources, "x"))

    def make():
        return part.ensure(
            lambda: prepare_transfer(config, sources, tokenizer, labeled, 5, part.folder)
        )

    name = shard_name(make()["shards"] - 1)
    whole = files.read_bytes(part.path(name))
    assert "scratch" not in os.listdir(part.folder)
    os.makedirs(part.path("scratch"))  # as a kill leaves it
    os.truncate(part.path(name), len(whole) // 2)
    with pytest.raises(ArtifactError, match=r"only .*transfer is made again"):
        read_sentences(part.folder, name, set())
    make()
    assert len(read_sentences(part.folder, name, set())) == 49  # less six and five that validate
    assert files.read_bytes(part.path(name)) == whole
    assert "scratch" not in os.listdir(part.folder)
