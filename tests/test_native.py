"""The network in C: the same answers with every kernel and in any batch, and what it refuses."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from native.checks import VARIANTS
from native.students import HEAD, random_weights, save_student

from xtremedistil.runtime.errors import ArtifactError, ConfigError, DataError
from xtremedistil.serving.exports.onnx_graph import build
from xtremedistil.serving.exports.onnx_model import OnnxModel
from xtremedistil.serving.load import open_fastest
from xtremedistil.serving.native import pack as packing
from xtremedistil.serving.native.model import REFERENCE, NativeModel, can_run, kernels
from xtremedistil.serving.native.pack import pack
from xtremedistil.students.shape import StudentShape

needs_kernel = pytest.mark.skipif(not kernels(), reason="the C extension is not built here")
SIZES = {"embedding_dim": 33, "hidden_size": 61, "teacher_width": 100, "classes": 7}


def student(**changes):
    shape = StudentShape(50, **{**SIZES, **changes})
    return shape, random_weights(shape, gain=2)


def opened(shape, weights, kernel="", threads=1) -> NativeModel:
    return NativeModel(pack(shape, weights, HEAD), "weights", threads, kernel)


def batch(rng, texts=13, length=29):
    lengths = rng.integers(1, length + 1, texts).astype(np.int32)
    real = np.arange(length) < lengths[:, None]
    return np.where(real, rng.integers(0, 50, (texts, length)), 0).astype(np.int32), lengths, real


@needs_kernel
@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_logits_are_those_of_float32(changes):
    shape, weights = student(**changes)
    ids, lengths, real = batch(np.random.default_rng(1), 24, length=200)
    exact = OnnxModel(build(shape, weights, HEAD).SerializeToString(), "exact", 1)(ids, lengths)
    found = opened(shape, weights)(ids, lengths)
    assert found.shape == exact.shape
    if shape.task == "ner":
        assert not found[~real].any()
        found, exact = found[real], exact[real]
    difference = np.abs(found - exact) / exact.std()
    assert difference.mean() < 0.03
    assert difference.max() < 0.25


@needs_kernel
@pytest.mark.parametrize("kernel", ["vnni", "avx2"])
@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_kernels_give_the_same_bits(kernel, changes):
    if kernel not in kernels():
        pytest.skip(f"this machine has no {kernel}")
    shape, weights = student(**changes)
    ids, lengths, _ = batch(np.random.default_rng(2))
    found = opened(shape, weights, kernel)(ids, lengths)
    np.testing.assert_array_equal(found, opened(shape, weights, REFERENCE)(ids, lengths))


@needs_kernel
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("task", ["ner", "classification"])
def test_a_text_has_the_same_bits_alone_and_in_any_batch(task, threads):
    shape, weights = student(task=task)
    model = opened(shape, weights, threads=threads)
    rng = np.random.default_rng(3)
    ids, lengths, real = batch(rng, 40)
    whole = opened(shape, weights)(ids, lengths)
    np.testing.assert_array_equal(model(ids, lengths), whole)
    order = rng.permutation(len(ids))
    np.testing.assert_array_equal(model(ids[order], lengths[order]), whole[order])
    for text in range(len(ids)):
        alone = model(ids[text : text + 1, : lengths[text]], lengths[text : text + 1])[0]
        expected = whole[text, : lengths[text]] if task == "ner" else whole[text]
        np.testing.assert_array_equal(alone, expected)
    if task == "ner":
        places = np.flatnonzero(real & (rng.random(real.shape) < 0.2))
        expected = whole.reshape(-1, shape.classes)[places]
        np.testing.assert_array_equal(model.at(ids, lengths, places), expected)
        assert model.at(ids, lengths, places[:0]).shape == (0, shape.classes)


@needs_kernel
def test_one_network_answers_several_threads_at_once():
    shape, weights = student()
    model = opened(shape, weights, threads=2)
    ids, lengths, _ = batch(np.random.default_rng(4), 30)
    rows = [(ids[i : i + 1], lengths[i : i + 1]) for i in range(30)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda row: model(*row)[0], rows * 4))
    np.testing.assert_array_equal(found, list(model(ids, lengths)) * 4)


@needs_kernel
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_process_goes_on_with_its_parents_network():
    shape, weights = student()
    model = opened(shape, weights, threads=2)
    ids, lengths, _ = batch(np.random.default_rng(5), 1)
    expected = model(ids, lengths)  # the second thread runs now
    child = os.fork()
    if not child:
        os._exit(0 if np.array_equal(model(ids, lengths), expected) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_weights_become_codes_by_hand():
    codes, scale = packing._quantized(np.array([[1.0, 0.0], [-0.5, 0.0], [0.3, 0.0]]))
    np.testing.assert_allclose(scale, [1 / 127, 1])
    # 63.5 is rounded to the even one of its neighbours, 38.1 down
    np.testing.assert_array_equal(codes, [[127, 0], [-64, 0], [38, 0]])


def test_codes_are_coarser_where_sums_would_not_fit():
    equal = np.full((8, 1), 0.25)
    codes, scale = packing._quantized(equal)
    assert codes.max() == 63  # four of 127 are more than 255
    np.testing.assert_allclose(codes * scale, equal, rtol=0.01)
    codes, scale = packing._quantized(np.full((1, 1), 1e-6), np.array([1.0]))
    # what else is in the sum decides: half of the range is as much as it and 128 of the weight
    np.testing.assert_allclose(scale, (1 + 128e-6) / 2**23)
    assert codes[0, 0] == 8  # 1e-6 of 2^23


def test_columns_are_laid_out_in_blocks_by_hand():
    # 5 inputs, 9 units: two words, two blocks; gates are 9 columns each
    codes = np.arange(5 * 36).reshape(5, 36)
    blocks = packing._blocks(packing._by_unit(codes))
    assert blocks.shape == (2, 2, 32, 4)
    # input 4, gate f, unit 8: the first unit of the second block, in its second word
    assert blocks[1, 1, 8, 0] == codes[4, 9 + 8]
    assert not blocks[1, :, 9:16].any()
    assert not blocks[:, 1, :, 1:].any()


def test_curves_are_close_to_sigmoid_and_tanh():
    table = packing._curves().astype(np.int64)
    z = np.arange(-(1 << 15), 1 << 15)
    x, segment = z / 8192, (z >> 10) % 64
    exact = (1 / (1 + np.exp(-2 * x)), np.tanh(x), np.tanh(x))
    for curve, bits, expected in zip(table, (14, 12, 13), exact, strict=True):
        found = (curve[0, segment] + (curve[1, segment] * z >> 15)) / 2**bits
        np.testing.assert_allclose(found, expected, atol=1.3e-3)


def test_gelu_is_close_to_gelu():
    x = np.linspace(-6, 6, 4801)
    segment = np.floor(np.clip(x, -4, 3.999) * 4).astype(int) % 32
    found = (packing._gelu_table()[:, segment] * x ** np.arange(3)[:, None]).sum(axis=0)
    np.testing.assert_allclose(found, packing._gelu(x), atol=4e-4)


@needs_kernel
def test_extreme_weights_stay_within_the_range_of_sums():
    shape, weights = student(embedding_dim=3, hidden_size=300)
    weights["embeddings/embeddings"][:, 1] = 3  # no range at all
    for side in ("forward", "backward"):
        cell = f"encoder/{side}_lstm/lstm_cell"
        weights[f"{cell}/recurrent_kernel"][:] = 1e-7  # of no weight beside the bias
        weights[f"{cell}/kernel"][:, ::3] = 0
    weights["projection/kernel"][:] = 1
    ids, lengths, real = batch(np.random.default_rng(6))
    exact = OnnxModel(build(shape, weights, HEAD).SerializeToString(), "exact", 1)(ids, lengths)
    found = opened(shape, weights)(ids, lengths)
    assert np.abs(found - exact)[real].mean() < 0.03 * exact[real].std()


def test_students_that_cannot_be_packed():
    shape, weights = student()
    with pytest.raises(ConfigError, match="hidden_size=65,537"):
        pack(StudentShape(50, **{**SIZES, "hidden_size": 65_537}), weights, HEAD)
    bias = weights["encoder/backward_lstm/lstm_cell/bias"]
    bias[5] = 1e6
    with pytest.raises(ConfigError, match=r"below 262,144.*backward LSTM.* 1,000,\d+$"):
        pack(shape, weights, HEAD)
    bias[5] = np.nan
    with pytest.raises(ConfigError, match=r"finite.*backward_lstm/lstm_cell/bias"):
        pack(shape, weights, HEAD)


@needs_kernel
def test_arrays_that_are_refused():
    model = opened(*student())
    ids, lengths, _ = batch(np.random.default_rng(7), 3)
    length = ids.shape[1]
    for wrong in (-1, 50):
        with pytest.raises(DataError, match=rf"rows of the table.*=50 ids \(3, 29\).*{wrong}"):
            model(np.where(ids == ids.max(), wrong, ids).astype(np.int32), lengths)
    for wrong in (0, length + 1):
        with pytest.raises(DataError, match=rf"as many as the batch.* {wrong}"):
            model.at(ids, np.array([1, wrong, 1]), np.array([0]))
    for wrong in (-1, length - 1, 3 * length):
        with pytest.raises(DataError, match=rf"not of padding.* {wrong}"):
            model.at(ids, np.array([1, 1, length]), np.array([wrong]))
    with pytest.raises(DataError, match="do not fit"):
        model.at(ids, lengths[:2], np.array([0]))
    with pytest.raises(DataError, match="at least one text"):
        model.at(ids[:0], lengths[:0], np.array([0]))
    with pytest.raises(DataError, match="do not fit"):
        model(ids, np.resize(lengths, 4))
    for wrong in (ids.astype(np.float32), ids + np.int64(2**32), ids[None], ids[0]):
        with pytest.raises(DataError, match=r"^ids has 2 axes of whole numbers.*Received: "):
            model(wrong, lengths)
    with pytest.raises(DataError, match=r"^lengths has 1 axes"):
        model(ids, lengths + np.int64(2**32))
    with pytest.raises(DataError, match=r"^places has 1 axes"):
        model.at(ids, lengths, np.array([2**32]))


@needs_kernel
def test_files_that_are_refused():
    content = pack(*student(), HEAD)
    for wrong, reason in (
        (content[:-64], "as long as its header says"),
        (content + bytes(64), "as long as its header says"),
        (content[:63], "header"),
        (b"", "header"),
        (b"other" + content[5:], "header"),
    ):
        with pytest.raises(ArtifactError, match=rf"^w: .*{reason}.* {len(wrong):,} bytes"):
            NativeModel(wrong, "w")
    units = np.frombuffer(content, np.int32, 7).copy()
    units[3] = 2**31 - 1
    with pytest.raises(ArtifactError, match="header"):
        NativeModel(units.tobytes() + content[28:], "w")
    heavy = content[:4096] + bytes([127]) * 4096 + content[8192:]
    with pytest.raises(ArtifactError, match="range of exact numbers"):
        NativeModel(heavy, "w")
    with pytest.raises(ConfigError, match=f"{REFERENCE}.*kernel='abacus'"):
        NativeModel(content, "w", kernel="abacus")


def test_without_the_extension_there_is_an_error_that_says_so(monkeypatch):
    monkeypatch.setattr("xtremedistil.serving.native.model._kernel", None)
    assert not can_run()
    with pytest.raises(ConfigError, match="C compiler"):
        NativeModel(b"", "w")


def test_the_fastest_form_is_one_that_can_be_run(monkeypatch, tmp_path):
    folder = save_student(str(tmp_path)).folder
    _, network = open_fastest(folder)
    ids = np.array([[3, 4, 5]], np.int32)
    assert network(ids, np.array([3], np.int32)).shape == (1, 3, 9)
    monkeypatch.setattr("xtremedistil.serving.native.model._kernel", None)
    assert open_fastest(folder)[0] == "onnx int8"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert open_fastest(folder) is None
