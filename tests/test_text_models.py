"""Character vocabularies and batches, sampling, beam search, BLEU, the language model and the encoder-decoder."""

from __future__ import annotations

import importlib.util
import itertools
import math
import re
import string
from typing import Any

import numpy as np
import pytest

import autograd
import nn
import nn.functional as F
import optim
from autograd import Tensor, gradcheck, gradgradcheck
from autograd.errors import ShapeError
from nn.models.charlm import CharacterModel, bits_per_character, perplexity
from nn.models.seq2seq import AdditiveScore, DotScore, Memory, Seq2Seq, masked_softmax
from nn.text import (
    Characters,
    beam_search,
    bleu,
    generate,
    next_characters,
    padded,
    probabilities,
    sample,
    surnames,
    windows,
)
from nn.utils.rnn import detach_state

SCORES = ("additive", "dot", "multihead")


def ids(*texts: str) -> list[np.ndarray]:
    return [np.array([ord(c) - 96 for c in text], np.int64) for text in texts]


# ---- characters


def test_characters_number_from_one_and_go_both_ways() -> None:
    alphabet = Characters.build(["beda", "cab"])
    assert alphabet.characters == list("abcde") and len(alphabet) == 6
    assert alphabet.encode("bad").tolist() == [2, 1, 4]
    assert alphabet.decode(alphabet.encode("decade")) == "decade"
    assert alphabet.decode([2, 1, 0, 3]) == "ba"
    assert alphabet.encode("").shape == (0,) and alphabet.decode([]) == ""
    assert Characters.build("hello").characters == list("ehlo")


def test_an_unknown_character_is_named_with_its_place_or_stands_for_the_mark() -> None:
    with pytest.raises(ValueError, match=r"'x', character 2 of 'abxa'"):
        Characters("ab").encode("abxa")
    alphabet = Characters("ab", unknown="?")
    assert alphabet.decode(alphabet.encode("abxa")) == "ab?a"
    assert Characters("ab?", unknown="?").encode("x").tolist() == [3]
    rare = Characters.build("aaab", min_count=2, unknown="~")
    assert rare.decode(rare.encode("aab")) == "aa~"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Characters(""), "at least one"),
        (lambda: Characters("aba"), "'a' comes twice"),
        (lambda: Characters(["ab"]), "single characters, got 'ab'"),
        (lambda: Characters.build([]), "no character comes 1 times"),
        (lambda: Characters.build("ab", min_count=2), "unknown="),
        (lambda: Characters("ab").decode([3]), "expected 0 to 2"),
        (lambda: Characters("ab").decode([-1]), "expected 0 to 2"),
    ],
)
def test_clear_errors_of_characters(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        make()


def test_next_characters_packs_boundary_and_text_against_text_and_boundary() -> None:
    inputs, targets = next_characters(ids("ab", "", "cde"))
    assert inputs.data.tolist() == [0, 0, 0, 3, 1, 4, 2, 5]
    assert inputs.batch_sizes.tolist() == [3, 2, 2, 1]
    assert targets.tolist() == [3, 1, 0, 4, 2, 5, 0, 0]
    assert targets.dtype == autograd.int64
    with pytest.raises(ValueError, match="at least one sequence"):
        next_characters([])


def test_padded_fills_behind() -> None:
    block, lengths = padded(ids("a", "bcd"), fill=-100)
    assert block.tolist() == [[1, -100, -100], [2, 3, 4]] and lengths.tolist() == [1, 3]


def test_windows_follow_one_another_in_each_row() -> None:
    text = np.arange(1, 24)
    pairs = list(windows(text, 3, 4))
    assert [tuple(x.shape) for x, _ in pairs] == [(3, 4), (3, 3)]
    read = np.concatenate([x.numpy() for x, _ in pairs], 1)
    said = np.concatenate([y.numpy() for _, y in pairs], 1)
    assert read.tolist() == [list(range(1, 8)), list(range(8, 15)), list(range(15, 22))]
    assert (said == read + 1).all()


def test_windows_of_a_short_text() -> None:
    ((x, y),) = windows(np.array([4, 5, 6]), 1, 100)
    assert (x.tolist(), y.tolist()) == ([[4, 5]], [[5, 6]])
    ((x, y),) = windows(np.array([4, 5, 6]), 10, 100)  # two characters to foresee: two rows
    assert (x.tolist(), y.tolist()) == ([[4], [5]], [[5], [6]])
    for short in ([], [3]):
        with pytest.raises(ValueError, match="at least two characters"):
            next(windows(np.array(short, np.int64), 1, 4))
    with pytest.raises(ValueError, match="must be at least 1"):
        next(windows(np.arange(9), 0, 4))


def test_surnames_come_from_the_package_or_say_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("names") is not None:
        names = surnames()
        assert len(names) == len(set(names)) == 88799 and names[:2] == ["SMITH", "JOHNSON"]
        assert set("".join(names)) == set(string.ascii_uppercase)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match=r"pip install names==0.3.0"):
        surnames()


# ---- sampling


def test_probabilities_at_a_temperature_and_of_the_best_k() -> None:
    scores = np.log([[0.5, 0.25, 0.125, 0.125]])
    np.testing.assert_allclose(probabilities(scores), [[0.5, 0.25, 0.125, 0.125]])
    np.testing.assert_allclose(probabilities(scores, 0.5), np.array([[16, 4, 1, 1]]) / 22)
    np.testing.assert_allclose(probabilities(scores, top_k=2), [[2 / 3, 1 / 3, 0, 0]])
    np.testing.assert_allclose(probabilities(scores, top_k=3), np.array([[4, 2, 1, 0]]) / 7)  # of two equals the first
    np.testing.assert_allclose(probabilities(scores, top_k=9), probabilities(scores))
    np.testing.assert_allclose(probabilities(scores, top_k=1), [[1, 0, 0, 0]])


def test_the_nucleus_is_the_fewest_that_reach_p() -> None:
    scores = np.log([[0.125, 0.5, 0.25, 0.125]])
    np.testing.assert_allclose(probabilities(scores, top_p=0.5), [[0, 1, 0, 0]])
    np.testing.assert_allclose(probabilities(scores, top_p=0.51), [[0, 2 / 3, 1 / 3, 0]])
    np.testing.assert_allclose(probabilities(scores, top_p=0.01), [[0, 1, 0, 0]])
    np.testing.assert_allclose(probabilities(scores, top_p=1.0), probabilities(scores))
    # the nucleus is taken of what top_k left: 2/3 reaches 0.6
    np.testing.assert_allclose(probabilities(scores, top_k=2, top_p=0.6), [[0, 1, 0, 0]])


def test_samples_follow_the_probabilities_and_a_generator_of_their_own() -> None:
    scores = np.tile(np.log([0.6, 0.3, 0.1, 1e-300]), (20000, 1))
    drawn = sample(scores, generator=autograd.Generator().manual_seed(7))
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / 20000, [0.6, 0.3, 0.1, 0], atol=0.015)
    before = autograd.get_rng_state()
    again = sample(scores, generator=autograd.Generator().manual_seed(7))
    assert (drawn == again).all()
    assert (autograd.get_rng_state() == before).all(), "a generator was given, the library's own was used"
    assert (sample(scores) != sample(scores)).any()
    never = sample(np.tile([0.0, -np.inf, 0.0], (5000, 1)))
    assert set(never.tolist()) == {0, 2}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"temperature": 0}, "temperature must be above 0, got 0; for the most probable say top_k=1"),
        ({"temperature": math.nan}, "temperature"),
        ({"top_k": 0}, "top_k must be at least 1, got 0"),
        ({"top_p": 0.0}, "top_p must be above 0"),
        ({"top_p": 1.5}, "top_p"),
    ],
)
def test_settings_of_sampling_out_of_range(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        sample(np.zeros((1, 3)), **settings)


def test_scores_without_a_number_are_an_error() -> None:
    for row in ([0.0, np.nan], [-np.inf, -np.inf], [np.inf, 0.0]):
        with pytest.raises(ValueError, match="row 1"):
            sample(np.array([[0.0, 0.0], row]))
    with pytest.raises(ValueError, match=r"\(N, V\)"):
        sample(np.zeros(3))


# ---- search


def chain(V: int, seed: int, sharpness: float = 1.0) -> Any:
    """A model whose next number depends on the last two: (step, log-probability of a text)."""
    logits = np.random.default_rng(seed).normal(size=(V, V, V)) * sharpness
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))

    def step(tokens: np.ndarray, state: Tensor) -> tuple[np.ndarray, Tensor]:
        before = state.numpy()[:, 0].astype(int)
        return logs[before, tokens], autograd.from_numpy(tokens[:, None].astype(np.float32))

    def worth(first: int, text: tuple[int, ...]) -> float:
        path = (first, 0, *text)
        return sum(logs[path[i], path[i + 1], path[i + 2]] for i in range(len(text)))

    return step, worth


@pytest.mark.parametrize("penalty", [0.0, 0.7, 1.0])
def test_a_wide_beam_finds_what_enumeration_finds(penalty: float) -> None:
    V, longest = 4, 4
    step, worth = chain(V, 3)
    state = autograd.tensor([[0.0], [2.0]])
    found = beam_search(step, state, 2, longest, beam=V**longest, length_penalty=penalty)
    for first, texts in zip((0, 2), found, strict=True):
        every = [
            (worth(first, (*text, 0)) / (len(text) + 1) ** penalty, text)
            for n in range(longest)
            for text in itertools.product(range(1, V), repeat=n)
        ]
        every.sort(reverse=True)
        ended = [text for text in texts if text.ended]
        assert len(ended) == len(every)
        for hypothesis, (score, text) in zip(ended, every, strict=True):
            assert tuple(hypothesis.ids.tolist()) == text
            assert hypothesis.score == pytest.approx(score)
            assert hypothesis.log_probability == pytest.approx(worth(first, (*text, 0)))
        assert sum(math.exp(text.log_probability) for text in texts) == pytest.approx(1.0)
        for text in texts[len(ended) :]:
            assert not text.ended and text.score == pytest.approx(text.log_probability / longest**penalty)


def test_length_normalisation_prefers_longer_texts() -> None:
    # "1 1 1 end" has a higher mean log-probability than "end", but a lower sum
    def step(tokens: np.ndarray, state: Tensor) -> tuple[np.ndarray, Tensor]:
        t = state.numpy()[:, 0]
        one, end = np.where(t == 0, 0.45, 0.8), np.where(t == 0, 0.55, 0.2)
        last = t >= 3
        scores = np.log(np.stack([np.where(last, 0.9, end), np.where(last, 0.1, one)], 1))
        return scores, state + 1

    state = autograd.zeros(1, 1)
    plain = beam_search(step, state, 1, 6, beam=2, length_penalty=0.0)[0][0]
    normalised = beam_search(step, state, 1, 6, beam=2, length_penalty=1.0)[0][0]
    assert plain.ids.tolist() == [] and normalised.ids.tolist() == [1, 1, 1]


def test_a_beam_of_one_is_greedy_search() -> None:
    for seed in range(20):
        step, _ = chain(5, seed)
        state = autograd.tensor([[float(k)] for k in range(5)])
        greedy = generate(step, state, 5, 6)
        for text, found in zip(greedy, beam_search(step, state, 5, 6, beam=1), strict=True):
            assert found[0].ids.tolist() == text.tolist()
            assert found[0].ended == (len(text) < 6)


def test_a_beam_of_two_can_find_what_greedy_search_misses() -> None:
    logs = np.log(np.array([[1e-9, 0.6, 0.4], [0.5, 0.25, 0.25], [0.98, 0.01, 0.01]]))

    def step(tokens: np.ndarray, state: None) -> tuple[np.ndarray, None]:
        return logs[tokens], None

    assert generate(step, None, 1, 5)[0].tolist() == [1]
    assert beam_search(step, None, 1, 5, beam=2, length_penalty=0.0)[0][0].ids.tolist() == [2]


def test_generate_stops_at_the_end_or_at_the_limit() -> None:
    def step(tokens: np.ndarray, state: None) -> tuple[np.ndarray, None]:
        return np.eye(4)[(tokens + 1) % 4] * 9, None

    assert [text.tolist() for text in generate(step, None, 2, 10)] == [[1, 2, 3]] * 2
    assert generate(step, None, 1, 2)[0].tolist() == [1, 2]
    assert generate(step, None, 1, 6, end=None)[0].tolist() == [1, 2, 3, 0, 1, 2]
    assert generate(step, None, 1, 0)[0].tolist() == []
    late = generate(lambda tokens, state: (np.tile([9.0, 1.0, 0.0], (len(tokens), 1)), None), None, 2, 9, min_length=3)
    assert [text.tolist() for text in late] == [[1, 1, 1]] * 2
    with pytest.raises(ValueError, match="at least 1"):
        beam_search(step, None, 1, 5, beam=0)


def test_search_records_nothing() -> None:
    weight = autograd.ones(1, 3, requires_grad=True)
    states = []

    def step(tokens: np.ndarray, state: Tensor) -> tuple[Tensor, Tensor]:
        states.append(state * weight)
        return states[-1], states[-1]

    generate(step, autograd.ones(2, 3), 2, 3)
    beam_search(step, autograd.ones(2, 3), 2, 3, beam=2)
    assert states and not any(state.requires_grad for state in states)


# ---- BLEU

WORDS = ["the", "a", "cat", "dog", "sat", "lay", "on", "mat", "rug"]


def test_bleu_of_known_texts() -> None:
    cat = ["the", "cat", "is", "on", "the", "mat"]
    assert bleu([cat], [[cat]]).score == pytest.approx(100)
    # Papineni et al. 2002: "the" seven times has two matches of seven
    assert bleu([["the", "the", "the", "the", "the", "the", "the"]], [[cat]], orders=1).precisions == (
        pytest.approx(200 / 7),
    )
    short = bleu([["the", "cat", "is", "on"]], [[cat]])
    assert short.precisions == (100, 100, 100, 100) and short.brevity_penalty == pytest.approx(math.exp(1 - 6 / 4))
    assert short.score == pytest.approx(60.653066)
    # matches 5/6, 3/5, 2/4, 1/3
    five = bleu([["the", "cat", "is", "on", "a", "mat"]], [[cat]])
    assert five.score == pytest.approx(100 * (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25)
    # two references: n-grams of either; of lengths 5 and 7 both one away, the shorter counts
    both = bleu([cat], [[["the", "cat", "sat", "on", "it"], ["there", "is", "a", "cat", "on", "the", "mat"]]])
    assert both.reference_length == 5 and both.precisions[0] == pytest.approx(500 / 6)  # no reference has two "the"
    assert bleu([cat], [[["nothing", "here"]]]).score == 0
    assert bleu([[]], [[cat]]).score == 0 and bleu([], []).score == 0


@pytest.mark.parametrize("smooth", ["none", "exp", "floor", "add-k"])
@pytest.mark.parametrize("effective_order", [False, True])
@pytest.mark.parametrize("value", [None, 0.3])
def test_bleu_is_sacrebleus(smooth: str, effective_order: bool, value: float | None) -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    if value is not None and smooth in ("none", "exp"):
        value = None
    rng = np.random.default_rng(1)

    def sentence(low: int, high: int) -> list[str]:
        return [WORDS[k] for k in rng.integers(0, len(WORDS), rng.integers(low, high))]

    theirs = sacrebleu.BLEU(
        tokenize="none", smooth_method=smooth, smooth_value=value, effective_order=effective_order, force=True
    )
    for sentences, references in [(1, 1), (1, 3), (4, 2), (30, 1), (1, 2)] * 12:
        texts = [sentence(0, 9) for _ in range(sentences)]
        wanted = [[sentence(1, 9) for _ in range(references)] for _ in texts]
        ours = bleu(texts, wanted, 4, smooth, value, effective_order)
        their = theirs.corpus_score(
            [" ".join(text) for text in texts], [[" ".join(group[k]) for group in wanted] for k in range(references)]
        )
        assert ours.score == pytest.approx(their.score, abs=1e-9)
        assert ours.precisions == pytest.approx(tuple(their.precisions))
        assert ours.brevity_penalty == pytest.approx(their.bp)
        assert (ours.length, ours.reference_length) == (their.sys_len, their.ref_len)


def test_bleu_refuses_what_does_not_go_together() -> None:
    with pytest.raises(ValueError, match="1 hypotheses but references for 2"):
        bleu([["a"]], [[["a"]], [["b"]]])
    with pytest.raises(TypeError, match="split it"):
        bleu(["a b"], [[["a", "b"]]])
    with pytest.raises(TypeError, match="split it"):
        bleu([["a", "b"]], [["a b"]])
    with pytest.raises(ValueError, match="no reference"):
        bleu([["a"]], [[]])
    with pytest.raises(ValueError, match="smooth"):
        bleu([["a"]], [[["a"]]], smooth="most")


# ---- the language model


def small_model(kind: str = "LSTM", layers: int = 1, characters: int = 5, **settings: Any) -> CharacterModel:
    return CharacterModel(characters, embedding=6, hidden=7, layers=layers, kind=kind, **settings).double()


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_packed_texts_score_as_each_alone(kind: str) -> None:
    model, texts = small_model(kind, 2), ids("abc", "", "dd", "a")
    alone = []
    for text in texts:
        logits, _ = model(autograd.tensor([[0, *text.tolist()]]))
        alone += F.cross_entropy(logits[0], autograd.tensor([*text.tolist(), 0]), reduction="none").tolist()
    assert model.nats(texts, batch=3) == pytest.approx(np.mean(alone), rel=1e-12)
    assert bits_per_character(math.log(8)) == pytest.approx(3) and perplexity(math.log(8)) == pytest.approx(8)
    with pytest.raises(ValueError, match="at least one text"):
        model.nats([])


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_windows_with_the_state_carried_score_as_the_whole(kind: str) -> None:
    model, text = small_model(kind, 2), np.random.default_rng(0).integers(1, 5, 40)
    whole = model.nats_of_windows(windows(text, 2, 100))
    assert model.nats_of_windows(windows(text, 2, 7)) == pytest.approx(whole, rel=1e-12)
    logits, _ = model(autograd.tensor(text[None, :-1]))
    one = F.cross_entropy(logits[0], autograd.tensor(text[1:])).item()
    assert model.nats_of_windows(windows(text, 1, 6)) == pytest.approx(one, rel=1e-12)


def test_truncated_backpropagation_stays_inside_the_window() -> None:
    model, text = small_model(), np.random.default_rng(0).integers(1, 5, 13)
    state, summed = None, [autograd.zeros_like(p) for p in model.parameters()]
    for x, y in windows(text, 1, 4):
        start = detach_state(state)
        logits, state = model(x, start)
        grads = autograd.grad(F.cross_entropy(logits[0], y[0], reduction="sum"), list(model.parameters()))
        summed = [a + b for a, b in zip(summed, grads, strict=True)]
    logits, _ = model(autograd.tensor(text[None, :-1]))
    loss = F.cross_entropy(logits[0], autograd.tensor(text[1:]), reduction="sum")
    whole = autograd.grad(loss, list(model.parameters()))
    bias = [name for name, _ in model.named_parameters()].index("output.bias")
    np.testing.assert_allclose(summed[bias].numpy(), whole[bias].numpy())  # does not go through time
    recurrent = [name for name, _ in model.named_parameters()].index("layers.weight_hh_l0")
    assert (summed[recurrent] - whole[recurrent]).abs().max() > 1e-4


def test_generated_texts_have_the_probability_the_model_gives_them() -> None:
    model = small_model(characters=3)
    drawn = model.generate(4000, 3, generator=autograd.Generator().manual_seed(0))
    assert max(map(len, drawn)) <= 3 and {len(text) for text in drawn} == {0, 1, 2, 3}
    for text in ([], [1], [2, 1]):
        expected = math.exp(-model.nats([np.array(text, np.int64)]) * (len(text) + 1))
        share = np.mean([other.tolist() == text for other in drawn])
        assert share == pytest.approx(expected, abs=0.03)
    same = model.generate(4000, 3, generator=autograd.Generator().manual_seed(0))
    assert all((a == b).all() for a, b in zip(drawn, same, strict=True))


def test_a_prefix_is_read_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_model(characters=4)
    assert min(len(text) for text in model.generate(100, 8, prefix=[2], min_length=3)) == 3
    for ends in (True, False):
        texts = model.generate(3, 8, prefix=[2, 3], ends=ends)
        assert all(text[:2].tolist() == [2, 3] for text in texts)
        assert ends or all(len(text) == 8 and (text > 0).all() for text in texts)
    asked: list[Tensor] = []
    step = model.step

    def watched(tokens: np.ndarray, state: Any) -> tuple[Tensor, Any]:
        scores, state = step(tokens, state)
        asked.append(scores)
        return scores, state

    monkeypatch.setattr(model, "step", watched)
    model.generate(2, 3, prefix=[2, 3])
    model.most_probable(1, beam=2, prefix=[2, 3])
    logits, _ = model(autograd.tensor([[0, 2, 3]]))
    assert len(asked) == 2 and all(autograd.allclose(scores, logits[:, 2]) for scores in asked)
    assert model.generate(1, 3, top_k=1, prefix=[2, 3])[0][2:].tolist() == [
        k for k in [int(logits[0, 2].argmax())] if k
    ]
    with pytest.raises(ValueError, match="needs a prefix"):
        model.generate(1, 8, ends=False)
    best = model.most_probable(2, beam=16, prefix=[2])[0]
    every = [[], [1], [2], [3]]
    worth = [-model.nats([np.array([2, *text])]) * (len(text) + 2) for text in every]
    assert best.ids.tolist() == every[int(np.argmax(worth))]


def test_generating_leaves_training_and_dropout_as_they_were() -> None:
    model = small_model(dropout=0.5, layers=2)
    assert model.nats(ids("abc")) == model.nats(ids("abc"))
    assert model.training and autograd.is_grad_enabled()
    model.eval()
    model.generate(2, 3)
    assert not model.training
    with pytest.raises(ValueError, match="'LSTM', 'GRU' or 'RNN'"):
        CharacterModel(4, kind="lstm")


def test_a_model_of_one_character_learns_how_long_the_texts_are() -> None:
    alphabet = Characters.build(["aaa"])
    model = CharacterModel(len(alphabet), embedding=4, hidden=16)
    texts = [alphabet.encode("aaa")]
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    for _ in range(60):
        inputs, targets = next_characters(texts)
        loss = F.cross_entropy(model(inputs)[0], targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert bits_per_character(model.nats(texts)) < 0.1
    assert alphabet.decode(model.generate(1, 20, top_k=1)[0]) == "aaa"


# ---- the encoder-decoder


def test_masked_weights_and_their_gradients_are_exactly_zero() -> None:
    scores = autograd.randn(3, 5, dtype=autograd.float64, requires_grad=True)
    mask = autograd.tensor([[True] * 5, [True, False, True, False, False], [False] * 4 + [True]])
    weights = masked_softmax(scores, mask)
    assert (weights[~mask] == 0).all() and weights.sum(1).allclose(autograd.ones(3, dtype=autograd.float64))
    far = autograd.tensor([[-1e9, 0.0]], dtype=autograd.float64)
    assert masked_softmax(far, autograd.tensor([[True, False]])).tolist() == [[1.0, 0.0]]
    (weights * autograd.randn(3, 5, dtype=autograd.float64)).sum().backward()
    assert scores.grad is not None and (scores.grad[~mask] == 0).all() and (scores.grad[:2][mask[:2]] != 0).all()


def scorer(kind: str, query: int, memory: int, width: int) -> Any:
    if kind == "additive":
        return AdditiveScore(query, memory, width).double()
    return DotScore(query, memory, width, 2 if kind == "multihead" else 1).double()


@pytest.mark.parametrize("kind", SCORES)
def test_scores_are_their_formulas(kind: str) -> None:
    score = scorer(kind, 3, 4, 6)
    s, a = autograd.randn(2, 3, dtype=autograd.float64), autograd.randn(2, 5, 4, dtype=autograd.float64)
    mask = autograd.tensor([[True] * 5, [True] * 3 + [False] * 2])
    found = score(s, score.keys(a), a, mask)[1].detach().numpy()
    for b, n in ((0, 5), (1, 3)):
        for head in range(score.heads):
            e = []
            for t in range(n):
                query, key = score.query(s[b]).detach().numpy(), score.keys(a[b, t]).detach().numpy()
                if kind == "additive":
                    e.append(score.v.weight.detach().numpy()[0] @ np.tanh(query + key))
                else:
                    part = slice(head * 6 // score.heads, (head + 1) * 6 // score.heads)
                    e.append(query[part] @ key[part] / math.sqrt(6 / score.heads))
            expected = np.exp(e) / np.exp(e).sum()
            np.testing.assert_allclose(found[b, head, :n], expected, rtol=1e-10)
            assert (found[b, head, n:] == 0).all()


@pytest.mark.parametrize("kind", SCORES)
def test_nothing_reaches_masked_positions(kind: str) -> None:
    model = Seq2Seq(6, 5, embedding=4, hidden=4, score=kind, heads=2).double()
    values = autograd.randn(2, 4, 8, dtype=autograd.float64, requires_grad=True)
    mask = autograd.tensor([[True] * 4, [True, True, False, False]])
    s = autograd.randn(2, 4, dtype=autograd.float64)
    context, weights = model.attend(s, Memory(values, model.score.keys(values), mask))
    (context * autograd.randn(2, 8, dtype=autograd.float64)).sum().backward()
    assert (weights[1, :, 2:] == 0).all() and values.grad is not None
    assert (values.grad[1, 2:] == 0).all() and (values.grad[1, :2] != 0).all()
    # each head's mean of its part of the values
    parts = values.detach().numpy().reshape(2, 4, model.score.heads, -1)
    expected = np.einsum("bhs,bshd->bhd", weights.detach().numpy(), parts).reshape(2, 8)
    np.testing.assert_allclose(context.detach().numpy(), expected, rtol=1e-10)


@pytest.mark.parametrize("kind", SCORES)
def test_a_batch_translates_as_each_text_alone(kind: str) -> None:
    model = Seq2Seq(6, 5, embedding=4, hidden=4, score=kind, heads=2).double()
    texts, targets = ids("abc", "e", "ddbca"), ids("ab", "ba", "dd")
    block, lengths = padded(texts)
    given = padded([np.concatenate([[0], target]) for target in targets])[0]
    logits, weights = model(block, lengths, given)
    junk = block.numpy().copy()
    junk[np.arange(5) >= lengths[:, None]] = 5  # what stands in the padding does not matter
    assert autograd.allclose(model(autograd.tensor(junk), lengths, given)[0], logits, rtol=1e-12, atol=1e-14)
    for row, text in enumerate(texts):
        alone, looked = model(autograd.tensor(text[None]), [len(text)], given[row : row + 1])
        np.testing.assert_allclose(logits[row].detach().numpy(), alone[0].detach().numpy(), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(
            weights[row, :, : len(text)].detach().numpy(), looked[0].detach().numpy(), rtol=1e-10
        )
        assert (weights[row, :, len(text) :] == 0).all()
    np.testing.assert_allclose(weights.sum(2).detach().numpy(), 1, rtol=1e-12)
    # padding is not read: its embedding gets no gradient
    logits.sum().backward()
    grad = model.source_embedding.weight.grad
    assert grad is not None and (grad[0] == 0).all() and (grad[1] != 0).any()


@pytest.mark.parametrize("kind", SCORES)
def test_the_encoder_decoder_has_gradients_of_both_orders(kind: str) -> None:
    model = Seq2Seq(4, 3, embedding=2, hidden=2, score=kind, heads=2).double()
    block, lengths = padded(ids("ab", "c"))
    given = autograd.tensor([[0, 1], [0, 2]])
    named = {name: p.detach() for name, p in model.named_parameters()}
    ways = {name: autograd.randn_like(p) for name, p in named.items()}

    def run(far: Tensor) -> Tensor:
        """The loss where every parameter has gone its own distance along a random way."""
        moved = {name: p + far[k] * ways[name] for k, (name, p) in enumerate(named.items())}
        logits, weights = nn.utils.stateless.functional_call(model, moved, (block, lengths, given))
        return logits.tanh().sum() + weights.square().sum()

    far = autograd.zeros(len(named), dtype=autograd.float64, requires_grad=True)
    assert gradcheck(run, (far,))
    assert gradgradcheck(run, (far,))


@pytest.mark.parametrize("kind", SCORES)
def test_the_encoder_decoder_learns_to_reverse(kind: str) -> None:
    rng = np.random.default_rng(0)
    model = Seq2Seq(4, 4, embedding=8, hidden=24, score=kind)
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    for _ in range(150):
        texts = [rng.integers(1, 4, rng.integers(1, 6)) for _ in range(32)]
        given = padded([np.concatenate([[0], text[::-1]]) for text in texts])[0]
        wanted = padded([np.concatenate([text[::-1], [0]]) for text in texts], fill=-100)[0]
        logits, _ = model(*padded(texts), given)
        loss = F.cross_entropy(logits.reshape(-1, 4), wanted.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    texts = [rng.integers(1, 4, rng.integers(1, 6)) for _ in range(50)]
    for beam in (1, 3):
        found = model.translate(texts, 8, beam)
        assert np.mean([a.ids.tolist() == b[::-1].tolist() for a, b in zip(found, texts, strict=True)]) > 0.9
        assert all(t.weights.shape == (len(t.ids) + 1, len(text)) for t, text in zip(found, texts, strict=True))
        assert math.isnan(found[0].log_probability) == (beam == 1)


def test_translations_of_a_beam_carry_the_models_probability() -> None:
    model = Seq2Seq(5, 4, embedding=4, hidden=5).double()
    text = ids("abd")
    best = model.translate(text, 3, beam=30, length_penalty=0.0)[0]
    worth = {}
    for n in range(3):
        for other in itertools.product(range(1, 4), repeat=n):
            logits, _ = model(*padded(text), autograd.tensor([[0, *other]]))
            worth[other] = -F.cross_entropy(logits[0], autograd.tensor([*other, 0]), reduction="sum").item()
    assert best.log_probability == pytest.approx(max(worth.values()))
    assert worth[tuple(best.ids.tolist())] == pytest.approx(best.log_probability)
    cut = model.translate(text, 1)[0]
    assert cut.weights.shape == (1, 3) and model.training


def test_clear_errors_of_the_encoder_decoder() -> None:
    model = Seq2Seq(5, 4, hidden=4)
    with pytest.raises(ShapeError, match=r"at least one character, got lengths \[2, 0\]"):
        model.translate(ids("ab", ""), 5)
    with pytest.raises(ValueError, match="at least one sequence"):
        model.translate([], 5)
    with pytest.raises(ValueError, match="'additive', 'dot' or 'multihead'"):
        Seq2Seq(5, 4, score="sum")
    with pytest.raises(ValueError, match="heads must divide"):
        Seq2Seq(5, 4, hidden=6, score="multihead", heads=4)
    with pytest.raises((ValueError, IndexError)):
        model.translate([np.array([7])], 5)  # a number that the alphabet has not
