"""A short walk of the fuzzers, with a fixed seed; `make soak` runs the long one."""

import pytest
from fuzz import fuzz_bundle, fuzz_hub, fuzz_native, fuzz_readers, fuzz_shards, fuzz_tokenizers

from xtremedistil.serving.native.model import kernels


def test_broken_data_files_are_read_or_refused():
    counts = fuzz_readers.run(cases=400, seed=1)
    assert counts["read"] > 20
    assert counts["refused"] > 200


@pytest.mark.parametrize("kind", sorted(set(fuzz_readers.MAKERS) - {"columns"}))
def test_broken_records_are_read_or_refused(kind):
    counts = fuzz_readers.run(cases=150, seed=1, kind=kind)
    assert counts["read"] > 10
    assert counts["refused"] > 50


def test_altered_student_folders_are_loaded_or_refused():
    counts = fuzz_bundle.run(cases=120, seed=1)
    assert counts["loaded"] + counts["refused"] == 120
    assert counts["refused"] > 60


def test_altered_tokenizers_are_opened_or_refused():
    counts = fuzz_tokenizers.run(cases=300, seed=1)
    assert counts["opened"] > 20
    assert counts["refused"] > 100


@pytest.mark.skipif(not kernels(), reason="the C extension is not built here")
def test_altered_native_exports_and_batches_are_answered_or_refused():
    counts = fuzz_native.run(cases=300, seed=1)
    assert counts["answered"] > 30
    assert counts["refused"] > 150


def test_altered_checkpoints_of_several_files_are_read_or_refused():
    counts = fuzz_shards.run(cases=300, seed=1)
    assert counts["read"] > 20
    assert counts["refused"] > 150


@pytest.mark.skipif(not kernels(), reason="the C extension is not built here")
def test_hostile_students_on_the_hub_are_loaded_or_refused():
    counts = fuzz_hub.run(cases=200, seed=1)
    assert counts["loaded"] > 10
    assert counts["refused"] > 100
