"""The start of the word embeddings, and the cut to the student's vocabulary."""

import numpy as np
import pytest
import tiny_bert

from xtremedistil.runtime.errors import ConfigError, DataError
from xtremedistil.students.embeddings import (
    check_dimension,
    pca_ppa,
    reduce_table,
    student_pieces,
    svd,
)
from xtremedistil.students.rows import (
    predict_rows,
    row_of_piece,
    with_added,
    with_nearest,
    without_row,
)
from xtremedistil.students.vectors import fill_missing, read_vectors
from xtremedistil.tokenization.wordpiece import WordPiece

RULES = WordPiece(tuple(tiny_bert.PIECES), lowercase=True, strip_accents=True)


def test_svd_is_the_best_approximation_of_its_rank():
    table = np.random.default_rng(0).normal(size=(60, 9)).astype(np.float32)
    reduced = svd(table, 4)
    u, s, vt = np.linalg.svd(table, full_matrices=False)
    # rows are U times S: distances between rows are those of the best rank-4 approximation
    best = (u[:, :4] * s[:4]) @ vt[:4]
    np.testing.assert_allclose(reduced @ reduced.T, best @ best.T, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(reduced, axis=0), s[:4], rtol=1e-4)
    np.testing.assert_array_equal(reduced, svd(table.copy(), 4))


def test_svd_to_the_full_width_keeps_every_angle():
    table = np.random.default_rng(1).normal(size=(30, 5)).astype(np.float32)
    np.testing.assert_allclose(svd(table, 5) @ svd(table, 5).T, table @ table.T, atol=1e-4)


def test_dimensions_above_the_teachers_are_refused():
    check_dimension("svd", 12, 12)
    check_dimension("random", 13, 12)
    with pytest.raises(
        ConfigError, match=r"not be above the teacher's width, 12.*embedding_dim=13"
    ):
        check_dimension("svd", 13, 12)


@pytest.mark.parametrize("removed", [14, 17])
def test_ppa_must_leave_some_directions(removed):
    kind, width = f"ppa-{removed}", 2 * removed + 1
    table = np.random.default_rng(2).normal(size=(60, width))
    check_dimension(kind, removed + 1, width)
    assert reduce_table(kind, table, removed + 1).std() > 0.01
    for few, narrow in ((removed, width), (removed + 1, width - 1)):
        np.testing.assert_allclose(reduce_table(kind, table[:, :narrow], few), 0, atol=1e-6)
        received = f"Received: embedding_dim={few} teacher width={narrow}"
        with pytest.raises(ConfigError, match=rf"{kind} removes {removed}.*{received}"):
            check_dimension(kind, few, narrow)


def test_the_vocabulary_is_what_the_data_uses_and_the_special_pieces():
    counts = np.zeros(len(RULES.vocabulary), int)
    counts[[7, 14]] = 3
    pieces = student_pieces(RULES, counts)
    assert pieces.tolist() == [0, 1, 2, 3, 4, 7, 14]
    rows = row_of_piece(pieces, len(RULES), RULES.special_ids.unknown)
    assert rows[[0, 1, 2, 3, 4, 7, 14]].tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert set(rows[[5, 6, 8, 13]]) == {1}  # what it lacks is unknown to it


def test_other_pieces_read_the_row_of_what_the_teacher_finds_most_alike(monkeypatch):
    rng, ids = np.random.default_rng(3), RULES.special_ids
    pieces = np.array([0, 1, 2, 3, 4, 7, 14])
    table = rng.normal(size=(len(RULES), 6)).astype(np.float32)
    table[5] = 3 * table[7]  # the same direction, another length
    table[8] = table[14] + 0.1
    table[6] = table[ids.unknown]  # to which nothing is near
    table[13] = (table[7] + table[14]) / 2 - 2 * (table[14] - table[7])
    table -= (table[7] + table[14]) / 2  # no mean is in the way
    monkeypatch.setattr("xtremedistil.students.rows._PAIRS_AT_ONCE", 5)
    start = row_of_piece(pieces, len(RULES), ids.unknown)
    rows = start.copy()
    with_nearest(rows, pieces, table, ids)
    assert rows[pieces].tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert rows[[5, 8, 13]].tolist() == [5, 6, 5]
    assert set(rows[5:]) == {5, 6}
    alone = row_of_piece(pieces[:5], len(RULES), ids.unknown)
    with_nearest(alone, pieces[:5], table, ids)
    assert set(alone[5:]) == {ids.unknown}


def a_vocabulary(total=400, known=150, width=12, dimensions=5):
    """Pieces with rows, and a teacher's table from which trained rows follow by a linear map."""
    rng, ids = np.random.default_rng(4), RULES.special_ids
    table = rng.normal(size=(total, width)).astype(np.float32)
    pieces = np.union1d(ids.all, np.arange(known))
    trained = (table[pieces] @ rng.normal(size=(width, dimensions)) + 3).astype(np.float32)
    trained[np.isin(pieces, ids.all)] = 50  # special pieces follow no map
    return pieces, table, trained, ids


def test_added_rows_are_what_the_trained_ones_let_expect(monkeypatch):
    monkeypatch.setattr("xtremedistil.students.rows._SHRINKAGE", 1e-9)
    pieces, table, trained, ids = a_vocabulary()
    own = row_of_piece(pieces, len(table), ids.unknown)
    lacking = without_row(pieces, len(table), ids)
    rows = with_added(own, len(lacking), pieces, table, ids)
    np.testing.assert_array_equal(rows[pieces], np.arange(len(pieces)))
    assert sorted(rows[lacking]) == list(range(len(pieces), len(pieces) + len(lacking)))
    assert set(own[lacking]) == {own[ids.unknown]}  # its own rows stay
    added = predict_rows(trained, rows, len(lacking), pieces, table, ids)
    known = np.setdiff1d(pieces, ids.all)
    by_direction, *_ = np.linalg.lstsq(
        np.c_[table[known], np.ones(len(known))], trained[own[known]], rcond=None
    )
    expected = np.c_[table, np.ones(len(table))] @ by_direction
    whole = np.concatenate([trained, added])
    np.testing.assert_allclose(whole[rows[lacking]], expected[lacking], atol=1e-3)


def test_pieces_that_are_alike_share_an_added_row():
    pieces, table, trained, ids = a_vocabulary()
    lacking = without_row(pieces, len(table), ids)
    kinds = np.arange(len(lacking)) % 3
    table[lacking] = 20 * np.eye(12, dtype=np.float32)[kinds] + 0.1 * table[lacking]
    own = row_of_piece(pieces, len(table), ids.unknown)
    rows = with_added(own, 8, pieces, table, ids)
    for row in range(len(pieces), len(pieces) + 8):
        assert len(set(kinds[rows[lacking] == row])) <= 1
    np.testing.assert_array_equal(rows, with_added(own, 8, pieces, table, ids))
    added = predict_rows(trained, rows, 8, pieces, table, ids)
    assert added.shape == (8, 5)
    one_each = with_added(own, len(lacking), pieces, table, ids)
    each = predict_rows(trained, one_each, len(lacking), pieces, table, ids)
    for row in np.unique(rows[lacking]):
        of_group = each[rows[lacking] == row]  # in the order of the pieces, as rows for each are
        np.testing.assert_allclose(added[row - len(pieces)], of_group.mean(axis=0), atol=1e-4)


def test_pieces_that_occur_too_seldom_have_no_row():
    counts = np.zeros(len(RULES.vocabulary), int)
    counts[[5, 7, 14]] = 1, 2, 3
    assert student_pieces(RULES, counts, 2).tolist() == [0, 1, 2, 3, 4, 7, 14]
    assert student_pieces(RULES, counts, 3).tolist() == [0, 1, 2, 3, 4, 14]
    assert student_pieces(RULES, counts, 4).tolist() == [0, 1, 2, 3, 4]


def test_ppa_removes_the_mean_and_the_top_directions_before_and_after():
    rng = np.random.default_rng(0)
    common = rng.normal(size=(1, 12)) * 20
    table = (rng.normal(size=(200, 12)) + common + rng.normal(size=(200, 1)) * 9).astype(np.float32)
    reduced = pca_ppa(table, 6, 2)
    assert reduced.shape == (200, 6)
    np.testing.assert_allclose(reduced.mean(axis=0), 0, atol=1e-5)
    assert np.linalg.matrix_rank(reduced, tol=1e-3) == 4  # two directions were removed at the end
    # by hand: centre, drop the two top directions of all twelve
    centred = table.astype(np.float64) - table.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    cleaned = centred - centred @ directions[:2].T @ directions[:2]
    _, values, _ = np.linalg.svd(cleaned - cleaned.mean(axis=0), full_matrices=False)
    found = np.linalg.svd(reduced, compute_uv=False)[:4]
    np.testing.assert_allclose(found, values[2:6], rtol=1e-4)


def test_kinds_of_reduction():
    table = np.random.default_rng(1).normal(size=(40, 20)).astype(np.float32)
    assert reduce_table("teacher", table, 20) is table
    assert {
        reduce_table(kind, table, 18).shape for kind in ("svd", "svd-pretrained", "ppa-14")
    } == {(40, 18)}
    with pytest.raises(
        ConfigError, match=r"must be the teacher's width, 20, with --embeddings=teacher"
    ):
        check_dimension("teacher", 18, 20)


def write_vectors(tmp_path, text):
    path = tmp_path / "vectors.txt"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_vectors_are_found_by_spelling(tmp_path):
    path = write_vectors(tmp_path, "berlin 1 2\nAnna 3 4\ned 5 6\n. . 7 8\nanna 9 9\nBERLIN 0 0\n")
    vectors = read_vectors(path, ["[PAD]", "Berlin", "anna", "ed", "the"], 2)
    assert vectors.found.tolist() == [False, True, True, True, False]
    assert vectors.table.tolist() == [[0, 0], [1, 2], [9, 9], [5, 6], [0, 0]]  # exact beats folded
    filled = fill_missing(vectors, np.random.default_rng(0))
    np.testing.assert_array_equal(filled[1:4], vectors.table[1:4])
    assert filled[4].any()


def test_a_fasttext_header_is_skipped_and_checked(tmp_path):
    path = write_vectors(tmp_path, "2 3\nberlin 1 2 3 \nanna 4 5 6 \n")
    assert read_vectors(path, ["anna"], 3).table.tolist() == [[4, 5, 6]]
    with pytest.raises(
        DataError, match=r"vectors.txt:1: vectors must have --embedding_dim=2 values. Received: 3"
    ):
        read_vectors(path, ["anna"], 2)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("anna 1 2", r"vectors.txt:2: vectors must have --embedding_dim=3 values. Received: 2"),
        ("anna 1 2 3 4", r"vectors.txt:2: vectors must have --embedding_dim=3 values. Received: 4"),
        ("anna 1 x 3", r"vectors.txt:2: every value of a vector is a number"),
    ],
)
def test_a_broken_vector_names_its_line(tmp_path, line, message):
    with pytest.raises(DataError, match=message):
        read_vectors(write_vectors(tmp_path, f"the 1 2 3\n{line}\n"), ["anna"], 3)
