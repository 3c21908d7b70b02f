"""The C kernels under the address and undefined-behaviour sanitizers, VNNI by emulation."""

import pytest
from native.checks import VARIANTS, build_driver, run_driver

from xtremedistil.students.shape import StudentShape

# Sizes around those of words, blocks, pairs of blocks and tiles.
SIZES = (
    (9, 1, 1, 1, 1),
    (30, 4, 8, 32, 4),
    (20, 33, 25, 40, 7),
    (12, 9, 16, 65, 5),
    (7, 5, 35, 3, 2),
)


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    found = build_driver(str(tmp_path_factory.mktemp("driver")))
    if found is None:
        pytest.skip("no C compiler with sanitizers here, or no AVX2 to emulate VNNI with")
    return found


@pytest.mark.parametrize(("sizes", "variant"), zip(SIZES, VARIANTS, strict=True), ids=str)
def test_kernels_agree_and_damaged_files_do_no_harm(driver, sizes, variant, tmp_path):
    run_driver(driver, StudentShape(*sizes, **variant), str(tmp_path), seed=sum(sizes), rounds=6)
