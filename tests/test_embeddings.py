"""The start of the word embeddings, and the cut to the student's vocabulary."""

import numpy as np
import pytest
import tiny_bert

from xtremedistil.data.tokenization import WordPiece
from xtremedistil.errors import ConfigError
from xtremedistil.models.embeddings import check_dimension, row_of_piece, student_pieces, svd

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


def test_the_vocabulary_is_what_the_data_uses_and_the_special_pieces():
    counts = np.zeros(len(RULES.vocabulary), int)
    counts[[7, 14]] = 3
    pieces = student_pieces(RULES, counts)
    assert pieces.tolist() == [0, 1, 2, 3, 4, 7, 14]
    rows = row_of_piece(RULES, pieces)
    assert rows[[0, 1, 2, 3, 4, 7, 14]].tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert set(rows[[5, 6, 8, 13]]) == {1}  # what it lacks is unknown to it
