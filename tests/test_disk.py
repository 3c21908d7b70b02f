"""A full disk: the error says what is missing and what can go, and nothing whole is damaged."""

import errno
import os
import re

import pytest

from xtremedistil.runtime import disk, files
from xtremedistil.runtime.errors import ArtifactError, DataError
from xtremedistil.runtime.locks import run_lock


@pytest.fixture
def full(tmp_path):
    """A run's folder on a disk that is full for one file: its unfinished part is /dev/full."""
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full on this system")
    with run_lock(str(tmp_path)):
        pass
    os.symlink("/dev/full", tmp_path / ".state.part")
    return tmp_path


def test_what_was_whole_stays_and_the_bytes_missing_are_named(full, monkeypatch):
    (full / "state").write_bytes(b"old")
    monkeypatch.setattr(disk, "free_bytes", lambda path: 1000)
    message = r"state: the disk is full: 4,000 of its 5,000 bytes are missing \(1,000 bytes are fr"
    with pytest.raises(ArtifactError, match=message):
        files.write_bytes(str(full / "state"), b"x" * 5000)
    assert (full / "state").read_bytes() == b"old"
    assert sorted(os.listdir(full)) == [".lock", "state"]


def test_what_can_be_deleted_is_named_with_its_size(full):
    os.makedirs(full / "logs" / "step")
    (full / "logs" / "step" / "events").write_bytes(b"x" * 1234)
    with pytest.raises(ArtifactError) as caught:
        files.write_bytes(str(full / "state"), b"x" * 5000)
    assert f"What can go: {full}/logs (1,234 bytes; logs for TensorBoard)" in str(caught.value)
    assert "run the same command again" in str(caught.value)


def test_a_file_of_unknown_size_is_named_too(full):
    with (
        pytest.raises(ArtifactError, match=r"state: the disk is full \([\d,]+ bytes are free\)"),
        files.writing(str(full / "state")) as file,
    ):
        file.write(b"x" * 100_000)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("events.v2; No space left on device"),  # as TensorFlow's writers say it
    ],
)
def test_a_full_disk_that_another_package_meets_is_named(tmp_path, error):
    message = re.escape(f"{tmp_path}/...: the disk is full")
    with pytest.raises(ArtifactError, match=message), disk.full_disk_named(str(tmp_path)):
        raise error


@pytest.mark.parametrize("error", [DataError("No space left"), PermissionError(13, "no"), KeyError])
def test_other_errors_stay_what_they_are(tmp_path, error):
    with pytest.raises(Exception) as caught, disk.full_disk_named(str(tmp_path)):  # noqa: PT011
        raise error
    assert not isinstance(caught.value, ArtifactError)


def test_other_write_errors_leave_no_unfinished_file(tmp_path):
    def fail():
        with files.writing(str(tmp_path / "a")) as file:
            file.write(b"x")
            raise OSError(errno.EIO, "a broken disk")

    with pytest.raises(OSError, match="a broken disk"):
        fail()
    assert os.listdir(tmp_path) == []


def test_free_space_of_what_is_not_there_yet(tmp_path):
    free = disk.free_bytes(str(tmp_path / "not" / "there"))
    assert free == pytest.approx(disk.free_bytes(str(tmp_path)), rel=0.01)
    assert disk.free_bytes("ram://somewhere") is None
