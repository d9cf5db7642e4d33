"""Noise words, Huffman trees and windows against their definitions."""

from __future__ import annotations

import heapq

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd.kernels import word2vec


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60).filter(lambda w: max(w) > 0))
def test_an_alias_table_holds_the_distribution(weights):
    threshold, alias = word2vec.alias_table(np.array(weights))
    share = threshold / 2.0**32
    held = share + np.bincount(alias, 1 - share, len(weights))
    np.testing.assert_allclose(held / len(weights), np.array(weights) / sum(weights), atol=1e-8)


def test_draws_follow_the_table_and_repeat():
    weights = np.array([5.0, 0.0, 1.0, 2.0])
    table = word2vec.alias_table(weights)
    drawn = word2vec.draw(table, (100_000, 2), 3)
    np.testing.assert_allclose(np.bincount(drawn.ravel(), minlength=4) / drawn.size, weights / 8, atol=5e-3)
    assert (np.bincount(drawn[:, 0] * 4 + drawn[:, 1], minlength=16)[[1, 4, 5, 6, 7]] == 0).all()
    autograd.set_num_threads(1)
    np.testing.assert_array_equal(word2vec.draw(table, (100_000, 2), 3), drawn)
    assert (word2vec.draw(table, (100_000, 2), 4) != drawn).any()
    np.testing.assert_array_equal(word2vec.draw(table, (7,), 3), drawn.ravel()[:7])


def huffman_cost(counts):
    """The sum over the words of count times path length, by the textbook's heap."""
    heap, cost = list(counts), 0
    heapq.heapify(heap)
    while len(heap) > 1:
        both = heapq.heappop(heap) + heapq.heappop(heap)
        cost += both
        heapq.heappush(heap, both)
    return cost


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=40))
def test_a_huffman_tree_is_a_code_of_least_cost(counts):
    tree = word2vec.HuffmanTree(np.array(counts))
    lengths = np.diff(tree.starts)
    assert (lengths * counts).sum() == huffman_cost(counts)
    paths = {tuple(tree.signs[a:b]) for a, b in zip(tree.starts, tree.starts[1:], strict=False)}
    assert len(paths) == len(counts) and not any(p[: len(q)] == q for p in paths for q in paths if p != q)
    if len(counts) > 1:
        assert set(tree.nodes) == set(range(len(counts) - 1))
        assert set(tree.nodes[tree.starts[:-1]]) == {len(counts) - 2}  # every path begins at the root
    nodes, signs, starts = tree.terms(np.array([0, len(counts) - 1, 0]))
    assert starts.tolist() == np.cumsum([0, lengths[0], lengths[-1], lengths[0]]).tolist()
    np.testing.assert_array_equal(nodes[: lengths[0]], nodes[starts[2] :])
    np.testing.assert_array_equal(signs[starts[1] : starts[2]], tree.signs[tree.starts[-2] :])


def test_noise_that_is_the_target_counts_nothing():
    words, signs, starts = word2vec.noise_terms(np.array([2, 3]), np.array([[1, 2], [4, 4]]))
    assert (
        words.tolist() == [2, 1, 2, 3, 4, 4]
        and signs.tolist() == [1, -1, 0, 1, -1, -1]
        and starts.tolist() == [0, 3, 6]
    )


ALL = np.full(1000, 2**32, np.uint64)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(1, 4), st.data())
def test_windows_stay_within_sentence_and_reach(lengths, window, data):
    ends = np.cumsum(lengths)
    n = int(ends[-1])
    ids = np.arange(n, dtype=np.int32)  # each token a word of its own, so that a context says where it stood
    begin = data.draw(st.integers(0, n - 1))
    stop = data.draw(st.integers(begin, n))
    words, starts, rows, contexts = word2vec.windows(ids, ends, begin, stop, ALL, window, 5)
    assert words.tolist() == list(range(begin, stop))
    sentence = np.searchsorted(ends, np.arange(n), "right")
    for i, word in enumerate(words):
        around = contexts[starts[i] : starts[i + 1]]
        assert (rows[starts[i] : starts[i + 1]] == i).all()
        same = [k for k in range(begin, stop) if sentence[k] == sentence[word] and k != word]
        reaches = [[k for k in same if abs(k - word) <= reach] for reach in range(1, window + 1)]
        assert around.tolist() in reaches


def test_every_reach_comes_equally_often():
    ids, ends = np.zeros(60_000, np.int32), np.array([60_000])
    _, starts, _, _ = word2vec.windows(ids, ends, 0, 60_000, ALL, 5, 1)
    reach = np.diff(starts)[5:-5] // 2
    np.testing.assert_allclose(np.bincount(reach, minlength=6)[1:] / reach.size, 0.2, atol=0.01)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_subsampling_keeps_the_share_asked_for_and_closes_the_gaps(share):
    ids, ends = np.array([0, 1] * 20_000, np.int32), np.array([40_000])
    keep = np.array([share * 2**32, 2**32]).astype(np.uint64)
    words, starts, rows, contexts = word2vec.windows(ids, ends, 0, ids.size, keep, 1, 2)
    assert (words == 1).sum() == 20_000
    np.testing.assert_allclose((words == 0).mean(), share / (1 + share), atol=0.01)
    assert (np.diff(starts)[1:-1] == 2).all()  # neighbours after thinning, however far apart before
    assert (contexts[starts[5] : starts[6]] == words[[4, 6]]).all()
