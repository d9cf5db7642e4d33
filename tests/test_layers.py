"""Layers by themselves: what chance does, running statistics, and errors that say what came and what was expected."""

from __future__ import annotations

import numpy as np
import pytest

import autograd
import nn


def values(tensor):
    return tensor.detach().numpy()


# ----------------------------------------------------------------------------------------------------------- dropout


def test_dropout_keeps_the_mean():
    x = autograd.ones(200, 500)
    y = values(nn.Dropout(0.3)(x))
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.7)}
    np.testing.assert_allclose((y == 0).mean(), 0.3, atol=0.01)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(nn.Dropout1d, (40, 50, 3)), (nn.Dropout2d, (40, 50, 3, 2)), (nn.Dropout3d, (40, 50, 2, 2, 2))],
)
def test_dropout_of_channels(layer, shape):
    y = values(layer(0.25)(autograd.ones(*shape))).reshape(40, 50, -1)
    assert ((y == 0).all(-1) | (y == np.float32(1 / 0.75)).all(-1)).all()
    np.testing.assert_allclose((y == 0).mean(), 0.25, atol=0.03)


def test_alpha_dropout_keeps_mean_and_variance():
    y = values(nn.AlphaDropout(0.2)(autograd.randn(400, 500)))
    np.testing.assert_allclose([y.mean(), y.std()], [0, 1], atol=0.02)
    channels = values(nn.FeatureAlphaDropout(0.4)(autograd.randn(50, 60, 30)))
    assert 0.3 < (np.ptp(channels, axis=-1) == 0).mean() < 0.5


def test_chance_follows_the_seed():
    layer, x = nn.Dropout(), autograd.ones(100)
    autograd.manual_seed(1)
    first, second = values(layer(x)), values(layer(x))
    autograd.manual_seed(1)
    np.testing.assert_array_equal(values(layer(x)), first)
    assert not np.array_equal(first, second)


def test_inplace_dropout():
    x = autograd.ones(50)
    y = nn.Dropout(0.5, inplace=True)(x)
    assert y is x and (values(x) == 0).any()


@pytest.mark.parametrize("layer", [nn.Dropout(0.5, inplace=True).eval(), nn.Dropout2d(0.0, inplace=True)])
def test_inplace_dropout_that_drops_nothing_writes_nothing(layer):
    x = autograd.rand(2, 3, requires_grad=True)
    y = x.softmax(-1)
    assert layer(y) is y and layer(x) is x  # nor may a leaf be written
    y[0, 0].backward()
    assert x.grad is not None


def test_rrelu():
    x = autograd.full((2000,), -1.0, requires_grad=True)
    y = nn.RReLU(0.1, 0.3)(x)
    y.sum().backward()
    slopes = -values(y)
    assert 0.1 <= slopes.min() < 0.11 and 0.29 < slopes.max() <= 0.3
    np.testing.assert_allclose(x.grad.numpy(), slopes, rtol=1e-6)
    np.testing.assert_array_equal(values(nn.RReLU()(autograd.ones(3))), [1, 1, 1])


def test_gumbel_softmax():
    logits = autograd.tensor([0.0, 1.0, -1.0]).expand(3000, 3)
    hard = values(nn.functional.gumbel_softmax(logits, hard=True))
    np.testing.assert_allclose(hard.sum(-1), np.ones(3000), atol=1e-6)
    np.testing.assert_allclose(hard.mean(0), np.exp([0, 1, -1]) / np.exp([0, 1, -1]).sum(), atol=0.03)
    soft = nn.functional.gumbel_softmax(autograd.zeros(4, 3, requires_grad=True), tau=0.5)
    np.testing.assert_allclose(values(soft).sum(-1), np.ones(4), rtol=1e-6)
    assert soft.requires_grad


# -------------------------------------------------------------------------------------------------------- statistics


def test_batch_norm_momentum_none_is_the_mean_of_all_batches():
    norm = nn.BatchNorm1d(2, momentum=None)
    batches = [autograd.randn(8, 2) for _ in range(3)]
    for batch in batches:
        norm(batch)
    np.testing.assert_allclose(values(norm.running_mean), np.mean([values(b).mean(0) for b in batches], 0), atol=1e-6)
    assert int(norm.num_batches_tracked) == 3
    norm.reset_running_stats()
    assert int(norm.num_batches_tracked) == 0 and not values(norm.running_mean).any()


def test_evaluation_changes_no_statistics():
    norm = nn.BatchNorm2d(3).eval()
    before = {k: values(v).copy() for k, v in norm.state_dict().items()}
    norm(autograd.randn(4, 3, 2, 2))
    for key, value in norm.state_dict().items():
        np.testing.assert_array_equal(values(value), before[key])


def test_embedding_max_norm_scales_the_rows_in_use():
    layer = nn.Embedding(4, 3, max_norm=0.1)
    before = values(layer.weight).copy()
    out = layer(autograd.tensor([2, 2]))
    np.testing.assert_allclose(np.linalg.norm(values(layer.weight)[2]), 0.1, rtol=1e-4)
    np.testing.assert_array_equal(values(layer.weight)[[0, 1, 3]], before[[0, 1, 3]])
    np.testing.assert_array_equal(values(out)[0], values(layer.weight)[2])


def test_embedding_of_many_rows_in_any_layout():
    rng = np.random.default_rng(0)
    table, indices = rng.normal(size=(50, 64)), rng.integers(0, 50, (2, 1300))
    locked = table.copy()
    locked.flags.writeable = False
    for weight in (table, table.astype(np.float32), table[::-1], np.asfortranarray(table), locked):
        for places in (indices, indices[:, ::-1], indices.astype(np.int32)):
            rows = nn.functional.embedding(autograd.from_numpy(places), autograd.from_numpy(weight))
            np.testing.assert_array_equal(values(rows), weight[places])


def test_a_sparse_table_that_is_no_leaf_keeps_its_gradient():
    table = autograd.ones(4, 2, requires_grad=True)
    scaled = table * 2
    scaled.retain_grad()
    nn.functional.embedding(longs(1, 1, 3), scaled, sparse=True).sum().backward()
    assert scaled.grad.to_dense().tolist() == [[0, 0], [2, 2], [0, 0], [1, 1]]
    assert table.grad.tolist() == [[0, 0], [4, 4], [0, 0], [2, 2]]


def test_sparse_embedding_gives_rows():
    layer = nn.Embedding(1000, 3, sparse=True)
    layer(autograd.tensor([5, 7, 5])).sum().backward()
    grad = layer.weight.grad
    assert isinstance(grad, autograd.SparseRows)
    dense = grad.to_dense()
    assert dense[5].tolist() == [2, 2, 2] and dense[7].tolist() == [1, 1, 1] and np.count_nonzero(dense) == 6


# ------------------------------------------------------------------------------------------------------------ attention


def test_a_query_that_may_see_nothing_gives_zero_and_no_nan():
    q = autograd.randn(1, 2, 4, requires_grad=True)
    mask = autograd.tensor([[True, False], [False, False]])
    out = nn.functional.scaled_dot_product_attention(q, q, q, attn_mask=mask)
    assert not values(out)[0, 1].any()
    out.sum().backward()
    assert np.isfinite(q.grad.numpy()).all()


def test_attention_dropout_only_in_training():
    layer, x = nn.MultiheadAttention(4, 2, dropout=0.5), autograd.randn(6, 3, 4)
    a, b = (values(layer(x, x, x)[0]) for _ in range(2))
    assert not np.array_equal(a, b)
    layer.eval()
    np.testing.assert_array_equal(values(layer(x, x, x)[0]), values(layer(x, x, x)[0]))


def test_layers_of_a_stack_are_copies():
    stack = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 2)
    np.testing.assert_array_equal(values(stack.layers[0].linear1.weight), values(stack.layers[1].linear1.weight))
    assert stack.layers[0].linear1.weight is not stack.layers[1].linear1.weight


# --------------------------------------------------------------------------------------------------------------- errors


def ones(*shape):
    return autograd.ones(*shape)


def longs(*numbers):
    return autograd.tensor(numbers)


@pytest.mark.parametrize(
    ("call", "parts"),
    [
        (lambda: nn.Conv2d(3, 4, 3)(ones(1, 2, 5, 5)), ["Conv2d", "3 input channels", "got 2", "(1, 2, 5, 5)"]),
        (lambda: nn.Conv2d(3, 4, 3)(ones(5, 5)), ["Conv2d", "(5, 5)"]),
        (lambda: nn.Conv1d(3, 4, 3)(ones(1, 2, 5)), ["Conv1d", "3 input channels", "got 2"]),
        (lambda: nn.ConvTranspose2d(3, 4, 3)(ones(1, 2, 5, 5)), ["ConvTranspose2d", "3 input channels", "got 2"]),
        (
            lambda: nn.ConvTranspose2d(1, 1, 3, stride=2)(ones(1, 1, 2, 2), output_size=(9, 9)),
            ["ConvTranspose2d", "output size 9", "5 to 6"],
        ),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), ["Conv2d", "in_channels", "3", "groups=2"]),
        (lambda: nn.Conv2d(2, 4, 3, padding="full"), ["Conv2d", "'same', 'valid'", "'full'"]),
        (lambda: nn.Conv2d(2, 4, 3, stride=2, padding="same"), ["Conv2d", "'same'", "(2, 2)"]),
        (lambda: nn.Conv2d(2, 4, 3, padding_mode="mirror"), ["Conv2d", "reflect", "'mirror'"]),
        (lambda: nn.Conv2d(2, 4, (3, 3, 3))(ones(1, 2, 5, 5)), ["conv2d", "weight", "(4, 2, 3, 3, 3)"]),
        (lambda: nn.BatchNorm2d(3)(ones(2, 4, 2, 2)), ["BatchNorm2d", "3 channels", "got 4"]),
        (lambda: nn.BatchNorm1d(3)(ones(2, 3, 2, 2)), ["BatchNorm1d", "2 or 3 dimensions", "(2, 3, 2, 2)"]),
        (lambda: nn.BatchNorm1d(3)(ones(1, 3)), ["more than 1 value per channel"]),
        (lambda: nn.GroupNorm(3, 4), ["GroupNorm", "(4)", "(3)"]),
        (lambda: nn.Dropout(1.5), ["Dropout", "between 0 and 1", "1.5"]),
        (lambda: nn.Hardtanh(2, 1), ["Hardtanh", "min_val=2", "max_val=1"]),
        (lambda: nn.Embedding(3, 2, padding_idx=3), ["Embedding", "padding_idx", "3"]),
        (lambda: nn.Embedding(3, 2)(longs(0, 3)), ["3"]),
        (lambda: nn.Embedding(3, 2, _weight=ones(2, 2)), ["(3, 2)", "(2, 2)"]),
        (lambda: nn.EmbeddingBag(3, 2, mode="median"), ["EmbeddingBag", "sum, mean or max", "'median'"]),
        (lambda: nn.MultiheadAttention(5, 2), ["MultiheadAttention", "divisible", "5", "2"]),
        (lambda: nn.MultiheadAttention(4, 2)(ones(3, 2, 5), ones(3, 2, 5), ones(3, 2, 5)), ["4", "5"]),
        (
            lambda: nn.MultiheadAttention(4, 2)(*[ones(3, 2, 4)] * 3, attn_mask=ones(2, 2)),
            ["attn_mask", "(2, 2)", "(3, 3)"],
        ),
        (
            lambda: nn.MultiheadAttention(4, 2)(*[ones(3, 2, 4)] * 3, key_padding_mask=ones(3, 2) > 0),
            ["key_padding_mask", "(2, 3)", "(3, 2)"],
        ),
        (lambda: nn.Transformer(4, 2, 1, 1)(ones(3, 2, 4), ones(3, 1, 4)), ["batch number", "2", "1"]),
        (lambda: nn.LSTM(4, 3)(ones(5, 2, 3)), ["LSTM", "input_size=4", "(5, 2, 3)"]),
        (lambda: nn.GRU(4, 3)(ones(0, 2, 4)), ["GRU", "at least one step"]),
        (lambda: nn.ReflectionPad2d((1, 2, 3)), ["ReflectionPad2d", "padding", "(1, 2, 3)"]),
        (lambda: nn.Softmax2d()(ones(2, 3)), ["Softmax2d", "(2, 3)"]),
        (lambda: nn.GLU()(ones(2, 3)), ["glu", "even", "(2, 3)"]),
        (lambda: nn.Linear(3, 2)(ones(2, 4)), ["(2, 4)", "(2, 3)"]),
        (lambda: nn.CrossEntropyLoss()(ones(2, 3), longs(0, 3)), ["3"]),
        (lambda: nn.MultiMarginLoss(p=3), ["p == 1", "3"]),
        (lambda: nn.TripletMarginLoss(margin=0), ["margin", "0"]),
        (lambda: nn.Bilinear(0, 2, 3), ["Bilinear", "in1_features", "0"]),
    ],
)
def test_errors_say_what_came_and_what_was_expected(call, parts):
    with pytest.raises((ValueError, IndexError)) as error:
        call()
    for part in parts:
        assert part in str(error.value)


def test_unflatten_needs_sizes():
    with pytest.raises(TypeError, match="tuple of ints"):
        nn.Unflatten(1, 4)
    with pytest.raises(TypeError, match="dim to be an int"):
        nn.Unflatten("C", (2, 2))


def test_softmax_without_dim_warns():
    with pytest.warns(UserWarning, match="dim=1"):
        np.testing.assert_allclose(values(nn.Softmax()(ones(2, 4))), np.full((2, 4), 0.25))


def test_dtype_of_a_layer():
    layer = nn.Linear(2, 3, dtype=autograd.float64)
    assert layer.weight.dtype == layer.bias.dtype == autograd.float64
    assert nn.BatchNorm1d(2, dtype=autograd.float64).running_var.dtype == autograd.float64
    assert (
        nn.LSTM(2, 3, dtype=autograd.float64)(autograd.ones(1, 2, dtype=autograd.float64))[0].dtype == autograd.float64
    )
    with pytest.raises(RuntimeError, match="cuda"):
        nn.Linear(2, 3, device="cuda")


@pytest.mark.parametrize(
    "make,words",
    [
        (lambda: nn.MultiMarginLoss(weight=ones(2, 2)), "a value a class"),
        (lambda: nn.FractionalMaxPool2d(2, output_ratio=1.5), "between 0 and 1"),
        (lambda: nn.RNNBase("LSTM", 2, 3), "no gates"),
    ],
)
def test_refused_when_made(make, words):
    with pytest.raises(ValueError, match=words):
        make()
