"""The networks of nn.models: their sizes, their options, what they say of pictures that do not fit, and that they learn."""

from __future__ import annotations

import numpy as np
import pytest

import autograd
import nn
import nn.functional as F
import optim
from autograd.errors import ShapeError
from nn import models
from nn.init import skipped
from nn.utils import functional_call

# published counts: the papers' tables, torchvision's and Keras's model pages
PARAMETERS = [
    (61_706, 0, lambda: models.LeNet5()),
    (62_006, 0, lambda: models.LeNet5(in_channels=3, activation="sigmoid", pooling="average")),
    (62_378_344, 0, lambda: models.AlexNet()),
    (60_965_224, 0, lambda: models.AlexNet(groups=2, lrn=True)),
    (61_100_840, 0, models.alexnet),
    (132_863_336, 0, models.vgg11),
    (133_047_848, 0, models.vgg13),
    (138_357_544, 0, models.vgg16),
    (143_667_240, 0, models.vgg19),
    (132_868_840, 5_504, models.vgg11_bn),
    (133_053_736, 5_888, models.vgg13_bn),
    (138_365_992, 8_448, models.vgg16_bn),
    (143_678_248, 11_008, models.vgg19_bn),
    (11_689_512, 9_600, models.resnet18),
    (21_797_672, 17_024, models.resnet34),
    (25_557_032, 53_120, models.resnet50),
    (44_549_160, 105_344, models.resnet101),
    (60_192_808, 151_424, models.resnet152),
    (25_583_592, 53_120, lambda: models.resnet50(form="keras")),
    (6_998_552, 0, lambda: models.googlenet(form="paper", aux_logits=False)),
    (6_624_904, 14_560, lambda: models.googlenet(aux_logits=False)),
    (13_004_888, 15_072, models.googlenet),
    (23_817_352, 34_432, lambda: models.inception_v3(form="keras", aux_logits=False)),
    (23_834_568, 34_432, lambda: models.inception_v3(aux_logits=False)),
    (27_161_264, 36_224, models.inception_v3),
]


@pytest.mark.parametrize(("parameters", "statistics", "make"), PARAMETERS)
def test_sizes(parameters, statistics, make):
    with skipped():
        model = make()
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert sum(b.numel() for b in model.buffers() if b.is_floating_point()) == statistics


# small in width and picture, whole in structure
SMALL = {
    "lenet5": (lambda: models.LeNet5(4, 1, width=0.4), (1, 32, 32)),
    "lenet5 sigmoid average": (
        lambda: models.LeNet5(4, 3, activation="sigmoid", pooling="average", padding=2, width=0.4), (3, 28, 28),
    ),
    "alexnet": (lambda: models.AlexNet(4, 0.0, width=1 / 32), (3, 227, 227)),
    "alexnet as published": (lambda: models.AlexNet(4, 0.0, lrn=True, groups=2, width=1 / 32), (3, 227, 227)),
    "alexnet of torchvision": (lambda: models.alexnet(num_classes=4, dropout=0.0, width=1 / 32), (3, 63, 63)),
    "vgg11": (lambda: models.vgg11(num_classes=4, dropout=0.0, width=1 / 32), (3, 32, 32)),
    "vgg16_bn": (lambda: models.vgg16_bn(num_classes=4, dropout=0.0, width=1 / 32), (3, 32, 32)),
    "resnet18": (lambda: models.resnet18(num_classes=4, width=1 / 16, stem="small"), (3, 16, 16)),
    "resnet50": (lambda: models.resnet50(num_classes=4, width=1 / 16), (3, 64, 64)),
    "resnet50 of keras": (lambda: models.resnet50(num_classes=4, width=1 / 16, form="keras"), (3, 64, 64)),
    "googlenet": (lambda: models.googlenet(num_classes=4, width=1 / 16, dropout=0.0, dropout_aux=0.0), (3, 64, 64)),
    "googlenet of the paper": (
        lambda: models.googlenet(num_classes=4, width=1 / 16, dropout=0.0, dropout_aux=0.0, form="paper"), (3, 64, 64),
    ),
    "inception_v3": (
        lambda: models.inception_v3(num_classes=4, width=1 / 32, dropout=0.0, aux_logits=False), (3, 75, 75),
    ),
    "inception_v3 of keras": (
        lambda: models.inception_v3(num_classes=4, width=1 / 32, dropout=0.0, aux_logits=False, form="keras"),
        (3, 75, 75),
    ),
}  # fmt: skip


def total(outputs, labels):
    """The loss of the scores, and 0.3 of that of each auxiliary head."""
    if isinstance(outputs, tuple):
        return F.cross_entropy(outputs[0], labels) + 0.3 * sum(F.cross_entropy(out, labels) for out in outputs[1:])
    return F.cross_entropy(outputs, labels)


@pytest.mark.parametrize("name", SMALL)
def test_gradients(name):
    """Along two random directions in the space of all parameters and pictures, each of which a wrong gradient changes."""
    make, shape = SMALL[name]
    model = make().double()
    if name.startswith("resnet50"):  # 50 norms over a few values each are too steep for finite differences
        model.eval()
    rng = np.random.default_rng(0)

    def normal(shape):
        return autograd.from_numpy(rng.standard_normal(shape))

    # norms' shifts at 0 stand on ReLU's kink, and some initial values are tiny
    start = {key: p.detach() + 0.05 * normal(p.shape) for key, p in model.named_parameters()}
    ways = [{key: normal(p.shape) * p.std(correction=0) for key, p in start.items()} for _ in range(2)]
    x, x_ways, labels = normal((4, *shape)), [normal((4, *shape)) for _ in range(2)], autograd.tensor([0, 1, 2, 3])

    def loss(t):
        moved = {key: p + t[0] * ways[0][key] + t[1] * ways[1][key] for key, p in start.items()}
        return total(functional_call(model, moved, (x + t[0] * x_ways[0] + t[1] * x_ways[1],)), labels)

    t = autograd.zeros(2, dtype=autograd.float64, requires_grad=True)
    assert autograd.gradcheck(loss, (t,), eps=1e-7, rtol=1e-5, atol=1e-7)  # so near that no ReLU of 1e5 changes sides


@pytest.mark.parametrize("name", SMALL)
def test_learns(name):
    """Four pictures and their classes are soon known by heart."""
    make, shape = SMALL[name]
    model = make()
    x, labels = autograd.randn(4, *shape), autograd.tensor([0, 1, 2, 3])
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(60):
        loss = total(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if losses[-1] < 0.5 * losses[0]:
            break
    assert losses[-1] < 0.5 * losses[0], losses[::10]


def test_the_head_of_inception_v3_trains_at_its_full_picture():
    model = models.inception_v3(num_classes=3, width=1 / 32)
    outputs = model(autograd.randn(2, 3, 299, 299))
    assert [tuple(out.shape) for out in outputs] == [(2, 3), (2, 3)]
    total(outputs, autograd.tensor([0, 1])).backward()
    assert all(p.grad is not None for p in model.parameters())
    assert tuple(model.eval()(autograd.randn(1, 3, 299, 299)).shape) == (1, 3)


# ------------------------------------------------------------------------------------------------- options


@pytest.mark.parametrize("make", [models.resnet18, models.resnet50])
def test_a_block_whose_branch_is_zero_is_the_identity(make):
    model = make(zero_init_residual=True, width=1 / 16, num_classes=2).eval()
    block = model.layer1[1]
    x = autograd.rand(2, block.conv1.in_channels, 5, 5)  # what comes from a ReLU is not negative
    assert autograd.equal(block(x), x)
    assert not autograd.equal(make(width=1 / 16).eval().layer1[1](x), x)


def test_forms_of_resnet_differ_in_where_the_stride_stands():
    theirs, keras = models.resnet50(width=1 / 16), models.resnet50(width=1 / 16, form="keras")
    assert [c.stride for c in (theirs.layer2[0].conv1, theirs.layer2[0].conv2)] == [(1, 1), (2, 2)]
    assert [c.stride for c in (keras.layer2[0].conv1, keras.layer2[0].conv2)] == [(2, 2), (1, 1)]
    assert theirs.conv1.bias is None and keras.conv1.bias is not None and keras.bn1.eps == 1.001e-5


def test_dilation_in_place_of_stride_keeps_the_picture():
    model = models.resnet50(width=1 / 16, replace_stride_with_dilation=[False, True, True], num_classes=2)
    x = model.layer4(model.layer3(model.layer2(model.layer1(autograd.randn(1, 4, 16, 16)))))
    assert tuple(x.shape[2:]) == (8, 8)
    with pytest.raises(ValueError, match="BasicBlock"):
        models.resnet18(replace_stride_with_dilation=[False, True, True])


def test_local_response_normalisation_is_the_papers():
    """b_i = a_i / (k + alpha sum over 5 channels of a_j^2)^beta with k = 2, alpha = 1e-4, beta = 0.75: section 3.3."""
    norm = models.AlexNet(width=1 / 32, lrn=True).features[1][1]
    a = 100 * np.random.default_rng(0).random((1, 7, 2, 2))
    expected = np.empty_like(a)
    for i in range(7):
        expected[:, i] = a[:, i] / (2 + 1e-4 * (a[:, max(0, i - 2) : i + 3] ** 2).sum(1)) ** 0.75
    np.testing.assert_allclose(norm(autograd.from_numpy(a)).numpy(), expected, rtol=1e-10)


def test_transform_input_undoes_imagenets_normalisation():
    rng = np.random.default_rng(0)
    picture = rng.random((1, 3, 64, 64)).astype(np.float32)  # 0 to 1
    mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    model = models.googlenet(width=1 / 16, num_classes=3, aux_logits=False).eval()
    plain = model(autograd.from_numpy(picture * 2 - 1)).detach().numpy()
    model.transform_input = True
    normalised = (picture - mean.reshape(3, 1, 1)) / std.reshape(3, 1, 1)
    np.testing.assert_allclose(model(autograd.from_numpy(normalised)).detach().numpy(), plain, rtol=1e-4, atol=1e-6)


def test_averages_of_the_forms_of_inception_v3():
    """torchvision's averages count the border's zeros, Keras's do not."""
    ones = autograd.ones(1, 1, 4, 4)
    for form, corner in (("torchvision", 4 / 9), ("keras", 1.0)):
        block = models.inception_v3(width=1 / 32, form=form, aux_logits=False).Mixed_5b
        assert block.average(ones)[0, 0, 0, 0].item() == pytest.approx(corner)


@pytest.mark.parametrize(
    "make",
    [
        lambda: models.LeNet5(activation="gelu"),
        lambda: models.LeNet5(pooling="sum"),
        lambda: models.AlexNet(form="keras"),
        lambda: models.resnet18(form="caffe"),
        lambda: models.resnet18(stem="large"),
        lambda: models.googlenet(form="keras"),
        lambda: models.inception_v3(form="paper"),
        lambda: models.resnet50(weights="DEFAULT", pretrained=True),
    ],
)
def test_unknown_options(make):
    with pytest.raises(ValueError, match="must be|downloaded"):
        make()


# ------------------------------------------------------------------------------------------------- what does not fit


@pytest.mark.parametrize(
    ("make", "shape", "layer", "fitting"),
    [
        (lambda: models.LeNet5(), (2, 1, 28, 28), "classifier.0", "too small.*32 x 32"),
        (lambda: models.AlexNet(width=1 / 32), (1, 3, 300, 300), "classifier.0", "do not fit.*227 x 227"),
        (lambda: models.alexnet(width=1 / 32), (1, 3, 62, 62), "features.12", "too small.*63 x 63"),
        (lambda: models.vgg16(width=1 / 32), (1, 3, 31, 224), "features.30", "too small.*32 x 32"),
        (lambda: models.googlenet(width=1 / 32), (2, 3, 14, 14), "maxpool3", "too small.*15 x 15"),
        (lambda: models.inception_v3(width=1 / 32).eval(), (1, 3, 74, 74), "Mixed_7a.branch3x3_2.conv", "75 x 75"),
    ],
)
def test_pictures_of_a_wrong_size(make, shape, layer, fitting):
    model = make()
    modes = [module.training for module in model.modules()]
    with pytest.raises(ShapeError, match=fitting) as told:
        model(autograd.zeros(*shape))
    assert f"'{layer}'" in str(told.value)
    assert modes == [module.training for module in model.modules()]
    size = int(fitting.split()[-1])
    if model.training:
        model(autograd.randn(2, *shape[1:2], size, size))
    else:
        model(autograd.zeros(*shape[:2], size, size))


@pytest.mark.parametrize(
    ("shape", "match"), [((2, 1, 64, 64), "expected 3 channels.*got 1"), ((3, 64, 64), r"unsqueeze\(0\)")]
)
def test_pictures_of_wrong_channels(shape, match):
    model = models.googlenet(width=1 / 32, transform_input=True)
    with pytest.raises(ShapeError, match=match):
        model(autograd.zeros(*shape))


def test_other_errors_stay_what_they_are():
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        models.resnet18(width=1 / 16)(autograd.zeros(1, 3, 32, 32))


# ------------------------------------------------------------------------------------------------- summary


@pytest.mark.parametrize(
    ("make", "size", "giga"),
    [  # GFLOPS on torchvision's model pages
        (models.alexnet, 224, 0.714),
        (models.vgg16, 224, 15.470),
        (models.resnet50, 224, 4.089),
        (models.googlenet, 224, 1.498),
        (models.inception_v3, 299, 5.713),
    ],
)
def test_multiply_adds_are_the_published(make, size, giga):
    with skipped():
        found = models.summary(make(), (1, 3, size, size))
    assert round(found.multiply_adds / 1e9, 3) == giga


def test_summary_table():
    model = models.LeNet5(in_channels=3)
    model.features.requires_grad_(False)
    found = models.summary(model, (8, 3, 32, 32))
    assert model.training and all(module._hooks is None or not module._hooks.forward for module in model.modules())
    rows = {row.name: row for row in found.rows}
    assert [rows[name].shape for name in ("features.0", "features.3", "features.5", "classifier.4")] == [
        (8, 6, 28, 28), (8, 16, 10, 10), (8, 16, 5, 5), (8, 10),
    ]  # fmt: skip
    assert rows["features.0"].parameters == 456 and rows["features.0"].multiply_adds == 8 * 6 * 28 * 28 * 75
    assert (found.parameters, found.trainable) == (62_006, 62_006 - 456 - 2_416)
    text = str(found)
    assert "62,006" in text and "8 x 16 x 10 x 10" in text and text.count("\n") == 11 + 5


def test_summary_of_heads_and_of_models_that_need_pictures():
    with skipped():
        found = models.summary(models.googlenet(), (1, 3, 224, 224))
    unused = [row for row in found.rows if row.shape is None]
    assert {row.name.split(".")[0] for row in unused} == {"aux1", "aux2"} and "not called" in str(found)
    assert sum(row.parameters for row in found.rows) == found.parameters == 13_004_888

    class Reshapes(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.fc = nn.RNN(4, 3, batch_first=True), nn.Linear(6, 2)

        def forward(self, x):
            return self.fc(self.rnn(x)[0].reshape(x.shape[0], -1))  # -1 cannot be told from an empty batch

    found = models.summary(Reshapes(), (5, 2, 4))
    assert (
        found.rows[-1].shape == (5, 2) and found.rows[0].multiply_adds is None and "where they are known" in str(found)
    )
