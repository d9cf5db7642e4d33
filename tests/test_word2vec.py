"""Word2Vec: its losses on the tape, sparse gradients and their optimizers, vocabularies, training, and the edges."""

from __future__ import annotations

import numpy as np
import pytest

import autograd
import nn
import optim
from autograd import SparseRows
from autograd.kernels.threads import MOST
from autograd.tensor import wrap
from nn.text import Corpus, Sentences, Vocabulary, Word2Vec, WordVectors, tokenize


def leaf(*shape, seed=0):
    return wrap(np.random.default_rng(seed).normal(size=shape)).requires_grad_()


def log_sigmoid(x):
    return -np.logaddexp(0, -x)


# ------------------------------------------------------------------------------------------------------------ losses

TARGET, ROWS, NOISE = np.array([3, 0, 3, 2]), np.array([1, 0, 1, 1]), np.array([[1, 3], [2, 2], [4, 0], [2, 1]])


def test_negative_sampling_is_the_papers_formula():
    x, w = leaf(2, 5), leaf(6, 5, seed=1)
    loss = nn.functional.negative_sampling_loss(x, w, TARGET, NOISE, ROWS, reduction="none")
    X, W = x.detach().numpy(), w.detach().numpy()
    for p in range(4):
        expected = -log_sigmoid(X[ROWS[p]] @ W[TARGET[p]])
        expected -= sum(log_sigmoid(-X[ROWS[p]] @ W[k]) for k in NOISE[p] if k != TARGET[p])
        np.testing.assert_allclose(loss[p].item(), expected)


def test_hierarchical_softmax_is_a_distribution():
    layer = nn.HierarchicalSoftmax([5, 1, 7, 2, 2, 9], 4, dtype=autograd.float64)
    layer.weight = nn.Parameter(leaf(5, 4))
    x = leaf(3, 4, seed=1)
    log_p = layer.log_prob(x)
    np.testing.assert_allclose(np.exp(log_p.detach().numpy()).sum(1), 1)
    target = np.array([2, 0, 5])
    np.testing.assert_allclose(layer(x, target).item(), -log_p.detach().numpy()[np.arange(3), target].mean())


TREE = nn.HierarchicalSoftmax([5, 1, 7, 2, 2, 9], 4).tree


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_losses_pass_both_orders_of_the_check(reduction):
    F = nn.functional
    for loss in (
        lambda x, w: F.negative_sampling_loss(x, w, TARGET, NOISE, ROWS, reduction),
        lambda x, w: F.hierarchical_softmax_loss(x, w, TARGET, TREE, ROWS, reduction),
    ):
        inputs = leaf(2, 4), leaf(5, 4, seed=1)
        assert autograd.gradcheck(loss, inputs) and autograd.gradgradcheck(loss, inputs)


@pytest.mark.parametrize("layer", [nn.NegativeSamplingLoss, nn.HierarchicalSoftmax])
def test_a_sparse_gradient_is_the_dense_one(layer):
    grads = []
    for sparse in (False, True):
        autograd.manual_seed(0)
        loss = layer([5, 1, 7, 2, 2, 9], 4, sparse=sparse, dtype=autograd.float64)
        loss.weight = nn.Parameter(leaf(*loss.weight.shape))
        x = leaf(2, 4, seed=1)
        (3 * loss(x, TARGET, ROWS)).backward()
        grads.append((x.grad.numpy(), loss.weight.grad))
    (by_x, dense), (also_by_x, factored) = grads
    assert isinstance(factored, SparseRows)
    np.testing.assert_allclose(also_by_x, by_x)
    np.testing.assert_allclose(factored.to_dense(), dense.numpy())
    one = factored.coalesce()
    assert (np.diff(one.indices) > 0).all()
    np.testing.assert_allclose(one.to_dense(), dense.numpy())
    np.testing.assert_allclose((factored + factored).to_dense(), 2 * dense.numpy())
    assert factored.rows.shape == (len(factored.indices), 4)  # multiplied out
    np.testing.assert_allclose(factored.to_dense(), dense.numpy())


def test_the_gradient_outlives_the_vectors_it_came_from():
    x, loss = leaf(2, 4), nn.NegativeSamplingLoss([1, 2, 3, 4, 5], 4, sparse=True, dtype=autograd.float64)
    loss.weight = nn.Parameter(leaf(5, 4, seed=1))  # at 0 it would give x no gradient
    loss(x, TARGET, ROWS, NOISE).backward()
    held, before = loss.weight.grad, loss.weight.grad.to_dense()
    optim.SGD([x], lr=1.0).step()
    np.testing.assert_array_equal(held.to_dense(), before)


def test_noise_follows_the_counts():
    loss = nn.NegativeSamplingLoss([16, 0, 81], 2, negatives=10)
    shares = np.bincount(loss.draw(20_000).ravel(), minlength=3) / 200_000
    np.testing.assert_allclose(shares, np.array([8, 0, 27]) / 35, atol=0.005)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: nn.NegativeSamplingLoss([], 3), ValueError, "counts has shape"),
        (lambda: nn.NegativeSamplingLoss([0, 0], 3), ValueError, "one of them > 0"),
        (lambda: nn.HierarchicalSoftmax([1, float("nan")], 3), ValueError, "finite"),
        (lambda: nn.NegativeSamplingLoss([1, 2], 3, negatives=0), ValueError, "at least 1"),
        (lambda: nn.NegativeSamplingLoss([1, 2], 3)(autograd.ones(1, 3), [2]), IndexError, r"target\[0\] is 2"),
        (lambda: nn.NegativeSamplingLoss([1, 2], 3)(autograd.ones(2, 3), [1]), ValueError, "a word for each row"),
        (lambda: nn.NegativeSamplingLoss([1, 2], 3)(autograd.ones(1, 4), [1]), ValueError, r"\(1, 4\)"),
        (lambda: nn.HierarchicalSoftmax([1, 2], 3)(autograd.ones(2, 3), [1, 1], [0]), ValueError, "rows has shape"),
        (lambda: nn.HierarchicalSoftmax([1, 2], 3)(autograd.ones(1, 3), [1], [1]), IndexError, r"rows\[0\] is 1"),
        (lambda: nn.HierarchicalSoftmax([1, 2], 3)(autograd.ones(1, 3), [0.5]), TypeError, "integer"),
    ],
)  # fmt: skip
def test_mistakes_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


# --------------------------------------------------------------------------------------------------- sparse gradients


def test_an_index_outside_the_table_is_an_error_not_a_write():
    with pytest.raises(IndexError, match="an index is 4"):
        SparseRows(np.array([0, 4]), np.ones((2, 3)), (4, 3))
    with pytest.raises(IndexError, match="an index is -1"):
        SparseRows(np.array([0]), np.ones((2, 3)), (4, 3), np.array([-1]))
    with pytest.raises(ValueError, match="expected indices"):
        SparseRows(np.array([0, 1, 2]), np.ones((2, 3)), (4, 3))


def test_bags_have_sparse_gradients_too():
    weight = np.random.default_rng(0).normal(size=(6, 3))
    for mode in ("sum", "mean", "max"):
        bags = [nn.EmbeddingBag(6, 3, mode=mode, sparse=sparse, _weight=wrap(weight.copy())) for sparse in (0, 1)]
        for bag in bags:
            (bag(autograd.tensor([1, 4, 4, 0]), autograd.tensor([0, 3])) ** 2).sum().backward()
        dense, sparse = (bag.weight.grad for bag in bags)
        assert isinstance(sparse, SparseRows)
        np.testing.assert_allclose(sparse.to_dense(), dense.numpy())


# --------------------------------------------------------------------------------------------------------- vocabulary


def test_words_are_numbered_by_frequency_then_alphabet():
    v = Vocabulary.build([["b", "a", "c"], ["c", "d"]])
    assert v.words == ["c", "a", "b", "d"] and v.counts.tolist() == [2, 1, 1, 1] and v.tokens == 5
    assert Vocabulary.build([["b", "a", "c"], ["c", "d"]], min_count=2).dropped == 3
    assert Vocabulary.build([["b", "a", "c"], ["c", "d"]], max_words=2).words == ["c", "a"]


def test_a_stream_is_read_once_and_pruned():
    read = []

    def stream():
        for k in range(3000):
            read.append(k)
            yield ["often", f"rare{k}", "often", f"often{k % 7}"]

    v = Vocabulary.build(stream(), min_count=100, prune_above=50)
    assert len(read) == 3000 and v.words[0] == "often" and v.counts[0] == 6000
    assert len(v) == 8 and v.dropped >= 3000  # what pruning forgot is counted as dropped


@pytest.mark.parametrize(
    ("sentences", "settings", "words"),
    [
        ([], {}, "no words"), ([[], []], {}, "no words"), ([["a", "a", "b"]], {"min_count": 3}, "the most frequent comes 2"),
    ],
)  # fmt: skip
def test_a_vocabulary_of_nothing_is_an_error(sentences, settings, words):
    with pytest.raises(ValueError, match=words):
        Vocabulary.build(sentences, **settings)


def test_a_sentence_that_is_a_str_is_an_error():
    with pytest.raises(TypeError, match="split it"):
        Vocabulary.build(["not a list of words"])


def test_unknown_words():
    v = Vocabulary.build([["a", "b"]])
    corpus = v.encode([["x", "a"], ["x"], ["b", "y", "a"]])
    assert corpus.ids.tolist() == [0, 1, 0] and corpus.ends.tolist() == [1, 3]
    with pytest.raises(KeyError, match="'x' is not among the 2 words"):
        v["x"]


def test_sentences_of_a_file(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("The cat's here. Is it?\n\n 7 — naïve “words”!\n", encoding="utf-8")
    sentences = Sentences(path)
    assert [*sentences] == [*sentences] == [["the", "cat's", "here"], ["is", "it"], ["naïve", "words"]]
    assert tokenize("don’t-STOP 3rd") == ["don't", "stop", "rd"]
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Sentences(tmp_path / "nowhere")


@pytest.mark.parametrize("ending", ["", "\n", " "])
def test_a_text_of_one_line_is_read_in_pieces(tmp_path, monkeypatch, ending):
    monkeypatch.setattr("nn.text.vocabulary._PIECE", 16)
    words = [f"{a}{b}" * (1 + i % 7) for i, (a, b) in enumerate(zip("abcdefghijklm", "nopqrstuvwxyz", strict=True))]
    path = tmp_path / "text.txt"
    path.write_text(" ".join(words) + ending)
    sentences = [*Sentences(path)]
    assert [word for sentence in sentences for word in sentence] == words and len(sentences) > 3


def test_blocks_end_with_sentences():
    corpus = Corpus(np.zeros(20, np.int32), np.array([3, 5, 6, 18, 20]), 1)
    assert [*corpus.blocks(6)] == [(0, 6), (6, 12), (12, 18), (18, 20)]
    assert [*corpus.blocks(4)] == [(0, 3), (3, 6), (6, 10), (10, 14), (14, 18), (18, 20)]
    for wrong in (
        dict(ids=[0, 1], ends=[2], words=1),
        dict(ids=[0, 0], ends=[1], words=1),
        dict(ids=[[0]], ends=[1], words=1),
    ):
        with pytest.raises(ValueError, match="Corpus"):
            Corpus(np.array(wrong["ids"], np.int32), np.array(wrong["ends"]), wrong["words"])


# ----------------------------------------------------------------------------------------------------------- training


def pairs_of_words(n=1500, seed=0):
    """Sentences in which words 2k and 2k + 1 of ten always stand with the same four companions."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        k = int(rng.integers(5))
        word = f"word{2 * k + int(rng.integers(2))}"
        around = [f"companion{k}.{i}" for i in rng.permutation(4)]
        yield [around[0], around[1], word, around[2], around[3]]


VOCABULARY = Vocabulary.build(pairs_of_words())
CORPUS = VOCABULARY.encode(pairs_of_words())


def trained(seed=0, corpus=CORPUS, **settings):
    fit = {key: settings.pop(key) for key in ("epochs", "lr", "block", "optimizer") if key in settings}
    model = Word2Vec(VOCABULARY, 12, sample=0, generator=autograd.Generator().manual_seed(seed), **settings)
    losses = model.fit(corpus, **{"epochs": 12, "lr": 0.05, **fit})
    return model, losses


@pytest.mark.parametrize("architecture", ["skip-gram", "cbow"])
@pytest.mark.parametrize("loss", ["negative", "hierarchical"])
def test_words_that_stand_alike_become_alike(architecture, loss):
    model, losses = trained(architecture=architecture, loss=loss, lr=0.05 if architecture == "skip-gram" else 0.2)
    assert losses[-1] < 0.9 * losses[0]
    vectors = WordVectors(VOCABULARY.words, model.input.weight)
    words = [f"word{k}" for k in range(10)]
    for k, word in enumerate(words):
        others = {other: vectors.similarity(word, other) for other in words if other != word}
        assert max(others, key=others.__getitem__) == f"word{k ^ 1}"


def test_same_seed_same_vectors_on_any_number_of_threads():
    results = []
    for threads, seed in ((1, 1), (MOST, 1), (1, 2)):
        autograd.set_num_threads(threads)
        results.append(trained(seed, epochs=1, block=400)[0].input.weight.detach().numpy())
    np.testing.assert_array_equal(results[0], results[1])
    assert (results[0] != results[2]).any()


def test_a_stream_trains_as_the_corpus_does():
    class Stream:
        def __iter__(self):
            return pairs_of_words()

    model, losses = trained(epochs=2)
    streamed, also = trained(corpus=Stream(), epochs=2)
    np.testing.assert_array_equal(streamed.input.weight.detach().numpy(), model.input.weight.detach().numpy())
    assert losses == also


def test_a_step_is_the_losses_gradient_times_the_rate():
    model = Word2Vec(VOCABULARY, 6, sample=0, generator=autograd.Generator().manual_seed(3), dtype=autograd.float64)
    model.loss.weight = nn.Parameter(leaf(*model.loss.weight.shape))
    before = [p.detach().numpy().copy() for p in model.parameters()]
    state = model.generator.clone_state()
    model(CORPUS, 0, 200).backward()
    dense = [p.grad.to_dense() for p in model.parameters()]
    model.generator.set_state(state.get_state())
    model.zero_grad()
    model.fit(Corpus(CORPUS.ids[:200], CORPUS.ends[:40], CORPUS.words), epochs=1, lr=0.1, min_lr=0.1, block=200)
    for p, old, g in zip(model.parameters(), before, dense, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), old - 0.1 * g, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("optimizer", [lambda p: optim.SparseAdam(p, lr=0.01), lambda p: optim.Adagrad(p, lr=0.1)])
def test_other_optimizers_train_it(optimizer):
    model = Word2Vec(VOCABULARY, 8, sample=0)
    losses = model.fit(CORPUS, epochs=3, block=300, optimizer=optimizer(model.parameters()))
    assert losses[-1] < losses[0]
    assert np.isfinite(model.input.weight.detach().numpy()).all()


def test_the_block_grows_with_the_evenness_of_the_words_and_falls_with_the_rate():
    even, skewed = Vocabulary([*"abcdefgh"], [10] * 8), Vocabulary([*"abcdefgh"], [1000, *[10] * 7])
    assert Word2Vec(even, 4, sample=0).block_size() > 2 * Word2Vec(skewed, 4, sample=0).block_size()
    assert Word2Vec(even, 4, sample=0).block_size(0.01) > Word2Vec(even, 4, sample=0).block_size(0.02)
    assert (
        Word2Vec(even, 4, sample=0, loss="hierarchical").block_size() == 26
    )  # every path has the root: 4 / (6 * 0.025)


# -------------------------------------------------------------------------------------------------------------- edges


@pytest.mark.parametrize("architecture", ["skip-gram", "cbow"])
@pytest.mark.parametrize("loss", ["negative", "hierarchical"])
@pytest.mark.parametrize("text", [["one"], ["one", "one", "one"], ["two", "words"]])
def test_the_smallest_texts(architecture, loss, text):
    v = Vocabulary.build([text])
    model = Word2Vec(v, 4, architecture=architecture, loss=loss, window=9, sample=0)
    losses = model.fit(v.encode([text]), epochs=2)
    assert np.isfinite(losses).all() and np.isfinite(model.input.weight.detach().numpy()).all()
    if text == ["one"]:
        assert losses == [0.0, 0.0]  # a word alone has no context, so there is nothing to learn
        assert not model.loss.weight.detach().numpy().any()
    assert model(v.encode([])).item() == 0.0


def test_texts_without_known_words_are_an_error():
    model = Word2Vec(VOCABULARY, 4)
    for corpus in (VOCABULARY.encode([]), [["unknown"]], iter(())):
        with pytest.raises(ValueError, match="none of the vocabulary's words"):
            model.fit(corpus, epochs=1)
    with pytest.raises(ValueError, match="read only once"):
        model.fit(pairs_of_words(20), epochs=2)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Word2Vec(VOCABULARY, architecture="skipgram"), "'skip-gram' or 'cbow'"),
        (lambda: Word2Vec(VOCABULARY, loss="softmax"), "'negative' or 'hierarchical'"),
        (lambda: Word2Vec(VOCABULARY, window=0), "window"),
        (lambda: Word2Vec(VOCABULARY, 4).fit(CORPUS, epochs=0), "epochs"),
        (lambda: Word2Vec(VOCABULARY, 4)(Corpus(CORPUS.ids, CORPUS.ends, 99)), "encoded with 99 words"),
        (lambda: Word2Vec(VOCABULARY, 4)(CORPUS, 5, 10**9), "are not in a corpus"),
    ],
)
def test_wrong_settings_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
