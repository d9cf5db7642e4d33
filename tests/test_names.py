"""What scripts written for torch ask of the package itself: names that live elsewhere, the missing GPU, printing."""

from __future__ import annotations

import hashlib
import importlib
import pickle
import sys

import numpy as np
import pytest

import autograd
import nn
import optim


def test_torchs_places_for_what_are_packages_of_their_own():
    assert autograd.nn is nn and autograd.optim is optim and autograd.utils.data is nn.data
    assert autograd.utils.checkpoint.checkpoint is autograd.checkpoint
    for module in (autograd, autograd.utils):
        assert not hasattr(module, "no_such_name")


def test_dtypes_there_are_not_can_be_named():
    choice = {"float32": autograd.float32, "bfloat16": autograd.bfloat16, "float16": autograd.half}
    x = autograd.ones(2)
    assert x.dtype not in (choice["float16"], choice["bfloat16"])
    for name in ("float16", "bfloat16"):
        with pytest.raises(TypeError, match=f"{name} is not supported"):
            x.to(getattr(autograd, name))


def test_compilers_and_backends_change_nothing():
    @autograd.jit.script
    def double(x):
        return 2 * x

    class Model(nn.Module):
        @autograd.jit.ignore
        def a(self):
            return 1

        @autograd.jit.ignore(drop=True)
        def b(self):
            return 2

    model = autograd.jit.trace(Model(), autograd.ones(1))
    assert (double(2), model.a(), model.b(), autograd.jit.is_scripting()) == (4, 1, 2, False)
    assert not autograd.backends.mps.is_available() and not autograd.backends.cudnn.is_available()
    autograd.backends.cudnn.benchmark = autograd.backends.cuda.matmul.allow_tf32 = False
    with autograd.backends.cudnn.flags(enabled=False), autograd.backends.cuda.sdp_kernel(enable_flash=False):
        pass
    autograd._assert(autograd.tensor(True), "fine")
    with pytest.raises(AssertionError, match="too small"):
        autograd._assert(1 > 2, "too small")


def test_autocast_leaves_dtypes():
    @autograd.autocast("cpu", dtype=autograd.bfloat16)
    def product(a, b):
        return a @ b

    with autograd.amp.autocast("cpu"):
        assert product(autograd.ones(2, 2), autograd.ones(2, 2)).dtype == autograd.float32
    with pytest.warns(UserWarning, match="no GPU"), autograd.cuda.amp.autocast():
        pass
    with pytest.raises(RuntimeError, match="expected the device"):
        autograd.autocast("tpu")


def test_scaler_without_a_gpu_is_the_optimizers_own_step():
    with pytest.warns(UserWarning, match="no GPU"):
        scaler = autograd.cuda.amp.GradScaler()
    p = nn.Parameter(autograd.ones(1))
    optimizer = optim.SGD([p], lr=1.0)
    loss = p.sum()
    assert scaler.scale(loss) is loss
    loss.backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert p.item() == 0.0 and scaler.state_dict() == {} and not scaler.is_enabled()


def test_scaler_out_of_order():
    p = nn.Parameter(autograd.ones(1))
    optimizer, scaler = optim.SGD([p], lr=1.0), autograd.amp.GradScaler("cpu")
    with pytest.raises(AssertionError, match=r"call step\(\) first"):
        scaler.update()
    scaler.scale(p.sum()).backward()
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="already called"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="already called"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="empty"):
        scaler.load_state_dict({})


def test_questions_about_a_gpu():
    assert not autograd.cuda.is_available() and autograd.cuda.device_count() == 0
    for ask in (autograd.ones(2).cuda, nn.Linear(2, 2).cuda, lambda: autograd.ones(2).to("cuda")):
        with pytest.raises(RuntimeError, match="'cpu' only"):
            ask()


def test_a_device_can_be_named_where_none_is():
    gpu = autograd.device("cuda", 1)
    assert (str(gpu), gpu.type, gpu.index, repr(gpu)) == ("cuda:1", "cuda", 1, "device(type='cuda', index=1)")
    assert autograd.device(gpu) == gpu == pickle.loads(pickle.dumps(gpu)) and gpu != autograd.device("cuda")
    assert autograd.device("meta").index is None and autograd.device(type="cpu", index=0) == autograd.device("cpu:0")
    with autograd.device("cpu"):
        assert autograd.ones(2, device=autograd.device("cpu:0")).device.type == "cpu"
    for use in (
        lambda: autograd.ones(1, device=gpu),
        lambda: nn.Linear(1, 1).to(gpu),
        lambda: autograd.ones(1).to(gpu),
        lambda: autograd.Generator(gpu),
        gpu.__enter__,
    ):
        with pytest.raises(RuntimeError, match="'cuda:1' is not available"):
            use()
    for wrong in ("gpu", "cuda:x", "cpu:-1", "", 0, None):
        with pytest.raises(RuntimeError, match="device: "):
            autograd.device(wrong)
    with pytest.raises(RuntimeError, match="has an index, and index=2"):
        autograd.device("cuda:1", 2)


def test_weights_are_downloaded_once(tmp_path, monkeypatch):
    weights = {"w": autograd.arange(3)}
    there = tmp_path / "there" / "w-0.safetensors"
    there.parent.mkdir()
    autograd.save(weights, there)
    digest = hashlib.sha256(there.read_bytes()).hexdigest()
    named = there.rename(there.with_name(f"w-{digest[:8]}.safetensors"))
    monkeypatch.setenv("TAPEGRAD_CACHE", str(tmp_path / "cache"))
    load = autograd.hub.load_state_dict_from_url
    assert load(named.as_uri(), progress=False, check_hash=True)["w"].tolist() == [0, 1, 2]
    kept = tmp_path / "cache" / "hub" / "checkpoints" / named.name
    assert kept.is_file() and list(kept.parent.iterdir()) == [kept]
    named.unlink()
    assert autograd.utils.model_zoo.load_url(named.as_uri())["w"].tolist() == [0, 1, 2]  # the one kept
    with pytest.raises(OSError, match="No such file"):
        load(named.as_uri(), tmp_path / "elsewhere", progress=False)
    with pytest.raises(ValueError, match="names no file"):
        load("https://localhost/")


def test_a_download_of_other_content_leaves_nothing(tmp_path):
    file = tmp_path / "weights-0123abcd.pth"
    file.write_bytes(b"other")
    with pytest.raises(ValueError, match="begins with 0123abcd"):
        autograd.hub.load_state_dict_from_url(file.as_uri(), tmp_path / "to", progress=False, check_hash=True)
    assert list((tmp_path / "to").iterdir()) == []


def test_the_folder_of_downloads_can_be_set(tmp_path, monkeypatch):
    monkeypatch.setattr(autograd.hub, "_dir", None)
    autograd.hub.set_dir(tmp_path)
    assert autograd.hub.get_dir() == str(tmp_path)


def test_grad_under_torchs_longer_name():
    x = autograd.tensor(3.0, requires_grad=True)
    assert autograd.autograd.grad(x * x, x, only_inputs=True)[0].item() == 6.0
    with pytest.raises(ValueError, match="only_inputs"):
        autograd.grad(x * x, x, only_inputs=False)


def test_dtypes_of_lists_with_numpy_numbers_in_them():
    assert autograd.tensor([np.float32(1), 2.0]).dtype == autograd.float32
    assert autograd.tensor([1.0, np.float64(2)]).dtype == autograd.float64
    assert autograd.tensor([autograd.tensor(1), autograd.tensor(2.5)]).dtype == autograd.float32
    assert autograd.LongTensor([1, 2]).dtype == autograd.int64 and autograd.FloatTensor(2, 3).shape == (2, 3)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1.5, -2.0], "tensor([ 1.5000, -2.0000])"),
        ([1.0, 20.0], "tensor([ 1., 20.])"),
        ([1e-8, 1.0], "tensor([1.0000e-08, 1.0000e+00])"),
        ([[True], [False]], "tensor([[ True],\n        [False]])"),
        (list(range(2000)), "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])"),
        (3.14159, "tensor(3.1416)"),
        ([], "tensor([])"),
    ],
)
def test_printing(value, text):
    assert repr(autograd.tensor(value)) == text


def test_print_options():
    try:
        autograd.set_printoptions(precision=1)
        assert repr(autograd.tensor([0.25, 2.5], requires_grad=True)) == "tensor([0.2, 2.5], requires_grad=True)"
    finally:
        autograd.set_printoptions(precision=4)
    with pytest.raises(TypeError, match="colour"):
        autograd.set_printoptions(colour=True)


@pytest.mark.parametrize("lr", [None, "fast"])
def test_a_learning_rate_that_is_no_number(lr):
    with pytest.raises(TypeError, match="SGD: lr must be a number"):
        optim.SGD([nn.Parameter(autograd.ones(1))], lr=lr)


def test_the_diagonal_is_written_with_its_history():
    x = autograd.ones(2, 3, requires_grad=True)
    (x * 2).fill_diagonal_(5.0).sum().backward()
    assert x.grad.tolist() == [[0.0, 2.0, 2.0], [2.0, 0.0, 2.0]]
    with pytest.raises(ValueError, match=r"fill_diagonal_.*\(3,\)"):
        autograd.ones(3).fill_diagonal_(1.0)


def test_torchs_dotted_places_can_be_imported():
    import autograd.autograd.functional
    import autograd.distributions.normal
    import autograd.nn.functional
    import autograd.nn.modules.batchnorm
    import autograd.optim.lr_scheduler
    import autograd.utils.checkpoint
    import autograd.utils.data.distributed
    import autograd.utils.model_zoo

    assert autograd.nn.modules.batchnorm._BatchNorm is nn.norm._BatchNorm and autograd.nn is nn
    assert sys.modules["autograd.optim.lr_scheduler"] is optim.lr_scheduler and nn.__spec__.name == "nn"
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("autograd.nn.no_such_module")


def test_profiles_of_printing():
    autograd.set_printoptions(profile="short")
    try:
        assert str(autograd.tensor([1.23456])) == "tensor([1.23])"
    finally:
        autograd.set_printoptions(profile="default")
    assert str(autograd.tensor([1.23456])) == "tensor([1.2346])"
    with pytest.raises(ValueError, match="profile"):
        autograd.set_printoptions(profile="long")


def test_anomaly_detection_by_torchs_switch_ends_with_its_block():
    with autograd.set_detect_anomaly(True):
        assert autograd.is_anomaly_enabled()
    assert not autograd.is_anomaly_enabled()
