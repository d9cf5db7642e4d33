"""What Word2Vec draws and looks up: noise words, windows of context, the paths of a Huffman tree.

A random number is a hash of (key, counter), so a list of them is the same on any number of threads.
Mikolov, Sutskever, Chen, Corrado and Dean, "Distributed representations of words and phrases", 2013, arXiv:1310.4546.
"""

from __future__ import annotations

import numpy as np

from .compile import kernel
from .threads import run

GATE = 1 << 13  # draws below which a parallel launch costs more than it saves
PIECES = 16

# V words; P targets with K noise words each.

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX1, _SHIFT1 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(30)
_MIX2, _SHIFT2 = np.uint64(0x94D049BB133111EB), np.uint64(27)
_SHIFT3 = np.uint64(31)


@kernel
def _random(key, counter):
    """64 random bits: number `counter` of the stream `key` (SplitMix64; Steele, Lea and Flood 2014)."""
    z = key + np.uint64(counter) * _STEP
    z = (z ^ (z >> _SHIFT1)) * _MIX1
    z = (z ^ (z >> _SHIFT2)) * _MIX2
    return z ^ (z >> _SHIFT3)


@kernel
def _build_alias(p, threshold, alias):
    """Vose's method: column i keeps its own number below threshold[i], of 2**32, else gives alias[i]. p has mean 1."""
    V = p.size
    small, large = np.empty(V, np.int64), np.empty(V, np.int64)
    n_small = n_large = 0
    for i in range(V):
        if p[i] < 1:
            small[n_small] = i
            n_small += 1
        else:
            large[n_large] = i
            n_large += 1
    while n_small and n_large:
        n_small -= 1
        a, b = small[n_small], large[n_large - 1]
        threshold[a] = np.uint64(p[a] * 4294967296.0)
        alias[a] = b
        p[b] -= 1 - p[a]
        if p[b] < 1:
            n_large -= 1
            small[n_small] = b
            n_small += 1
    for k in range(n_large):
        threshold[large[k]] = 1 << 32
    for k in range(n_small):  # what rounding left
        threshold[small[k]] = 1 << 32


@kernel
def _draw(k0, k1, threshold, alias, key, out, step):
    V = np.uint64(threshold.size)
    for i in range(k0 * step, min(out.size, k1 * step)):
        bits = _random(key, i)
        column = np.int64(((bits >> _HALF) * V) >> _HALF)
        other = alias[column]  # read in any case: a choice costs less than a branch that no one can predict
        out[i] = column if (bits & _LOW) < threshold[column] else other


@kernel
def _arrange(target, negatives, K, outputs, signs):
    for p in range(target.size):
        at, word = p * (K + 1), target[p]
        outputs[at] = word
        signs[at] = 1
        for k in range(K):
            noise = negatives[p * K + k]
            outputs[at + 1 + k] = noise
            signs[at + 1 + k] = -1 if noise != word else 0


@kernel
def _huffman(counts, order, parent, bit):
    """Parents of the V leaves and V - 1 inner nodes (numbered from V, the root last), each node's side of its parent."""
    V = counts.size
    weight = np.empty(2 * V - 1, np.float64)
    for i in range(V):
        weight[i] = counts[order[i]]
    leaf, inner = 0, V
    for new in range(V, 2 * V - 1):
        total = 0.0
        for side in range(2):
            # both queues ascend: the leaves by counts, the inner nodes because they are made in that order
            if leaf < V and (inner >= new or weight[leaf] <= weight[inner]):
                node, least = order[leaf], weight[leaf]
                leaf += 1
            else:
                node, least = inner, weight[inner]
                inner += 1
            parent[node] = new
            bit[node] = side
            total += least
        weight[new] = total


@kernel
def _leaf_paths(parent, bit, V, starts, nodes, signs, fill):
    """Each word's inner nodes from the root down and the side taken there; without fill only how many there are."""
    root = 2 * V - 2
    for w in range(V):
        node, length = w, 0
        while node != root:
            node = parent[node]
            length += 1
        if not fill:
            starts[w + 1] = starts[w] + length
            continue
        node = w
        for i in range(starts[w + 1] - 1, starts[w] - 1, -1):
            signs[i] = 1 - 2 * bit[node]
            node = parent[node]
            nodes[i] = node - V


@kernel
def _paths_of(target, starts, nodes, signs, out_starts, outputs, out_signs):
    for p in range(target.size):
        at, first = out_starts[p], starts[target[p]]
        for i in range(out_starts[p + 1] - at):
            outputs[at + i] = nodes[first + i]
            out_signs[at + i] = signs[first + i]


@kernel
def _thin(ids, ends, sentence, begin, stop, keep, window, key, words, reach, left, right):
    """The tokens begin to stop that subsampling keeps, each with its shrunk window's reach and its sentence's ends."""
    n, first = 0, 0
    for i in range(begin, stop):
        while i >= ends[sentence]:
            for k in range(first, n):
                left[k] = first
                right[k] = n
            first = n
            sentence += 1
        bits = _random(key, i - begin)
        if (bits >> _HALF) < keep[ids[i]]:
            words[n] = ids[i]
            reach[n] = 1 + np.int64(((bits & _LOW) * np.uint64(window)) >> _HALF)
            n += 1
    for k in range(first, n):
        left[k] = first
        right[k] = n
    return n


@kernel
def _windows(words, reach, left, right, n, starts, rows, contexts):
    """The words within each kept word's reach: contexts[starts[i] : starts[i + 1]], and rows, which i that is."""
    m = 0
    for i in range(n):
        starts[i] = m
        for j in range(max(left[i], i - reach[i]), min(right[i], i + reach[i] + 1)):
            if j != i:
                contexts[m] = words[j]
                rows[m] = i
                m += 1
    starts[n] = m
    return m


def alias_table(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tables (threshold, alias) that draw i with probability weights[i] / sum in constant time; weights >= 0, one > 0."""
    p = np.asarray(weights, np.float64) / np.max(weights)
    threshold, alias = np.zeros(p.size, np.uint64), np.arange(p.size)
    _build_alias(p * (p.size / p.sum()), threshold, alias)
    return threshold, alias


def draw(table: tuple[np.ndarray, np.ndarray], shape: tuple[int, ...], key: int) -> np.ndarray:
    """Indices of `shape`, int64, drawn from an alias table; the same for the same key."""
    out = np.empty(shape, np.int64)
    step = max(-(-out.size // PIECES), 1)
    run(_draw, None, -(-out.size // step), out.size >= GATE, *table, np.uint64(key), out.reshape(-1), step)
    return out


def noise_terms(target: np.ndarray, negatives: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Terms (words, signs, starts) of each target and its noise words, which count 0 where they are the target."""
    P, K = negatives.shape
    outputs, signs = np.empty(P * (K + 1), np.int64), np.empty(P * (K + 1), np.int8)
    _arrange(target, np.ascontiguousarray(negatives).reshape(-1), K, outputs, signs)
    return outputs, signs, np.arange(0, P * (K + 1) + 1, K + 1)


class HuffmanTree:
    """The binary tree of V words in which frequent words are near the root (Huffman 1952).

    counts: (V,) of numbers >= 0. Word w's path from the root is nodes[starts[w] : starts[w + 1]], with signs 1 where it goes
    left, -1 right; the V - 1 inner nodes are numbered from 0. Equal counts are taken in the order of the words.
    """

    def __init__(self, counts: np.ndarray) -> None:
        V = self.words = counts.size
        parent, bit = np.zeros(2 * V - 1, np.int64), np.zeros(2 * V - 1, np.int8)
        _huffman(counts.astype(np.float64), np.argsort(counts, kind="stable"), parent, bit)
        self.starts, none = np.zeros(V + 1, np.int64), np.empty(0, np.int64)
        _leaf_paths(parent, bit, V, self.starts, none, none.astype(np.int8), False)
        self.nodes, self.signs = np.empty(self.starts[-1], np.int64), np.empty(self.starts[-1], np.int8)
        _leaf_paths(parent, bit, V, self.starts, self.nodes, self.signs, True)

    def terms(self, target: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Terms (nodes, signs, starts) of the targets' paths; target (P,) int64, below V."""
        starts = np.zeros(target.size + 1, np.int64)
        np.cumsum((self.starts[1:] - self.starts[:-1])[target], out=starts[1:])
        nodes, signs = np.empty(starts[-1], np.int64), np.empty(starts[-1], np.int8)
        _paths_of(target, self.starts, self.nodes, self.signs, starts, nodes, signs)
        return nodes, signs, starts


def windows(
    ids: np.ndarray, ends: np.ndarray, begin: int, stop: int, keep: np.ndarray, window: int, key: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(words (n,), starts (n + 1,), rows, contexts) of the tokens begin to stop: the words kept and those around each.

    ids: the text's words; ends: where its sentences end, ascending, the last at ids.size. keep (V,) uint64: a word stays
    with probability keep / 2**32. A word's window reaches 1 to `window` words, drawn evenly, within its sentence.
    """
    size = stop - begin
    words, reach, left, right = (np.empty(size, np.int64) for _ in range(4))
    sentence = int(np.searchsorted(ends, begin, "right"))
    n = _thin(ids, ends, sentence, begin, stop, keep, window, np.uint64(key), words, reach, left, right)
    starts, rows, contexts = np.empty(n + 1, np.int64), *(np.empty(2 * window * n, np.int64) for _ in range(2))
    m = _windows(words, reach, left, right, n, starts, rows, contexts)
    return words[:n], starts, rows[:m], contexts[:m]
