"""save and load: what comes back, and what is left when something goes wrong."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest

import autograd
from autograd.tensor import wrap


def test_flat_dict_is_plain_safetensors(tmp_path):
    from safetensors.numpy import load_file

    state = {"a.weight": wrap(np.arange(6.0).reshape(2, 3).T), "b": wrap(np.array(3, np.int64))}
    autograd.save(state, tmp_path / "w.safetensors")
    plain = load_file(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(plain["a.weight"], np.arange(6.0).reshape(2, 3).T)
    back = autograd.load(tmp_path / "w.safetensors")
    assert list(back) == ["a.weight", "b"] and back["b"].shape == () and back["b"].item() == 3


def test_nested_structures_come_back_exactly(tmp_path):
    held = {
        "state": {0: {"step": 3, "m": wrap(np.ones(2, np.float32))}},
        "lr": 0.1,
        "betas": (0.9, 0.999),
        "names": ["a", None, True],
    }
    autograd.save(held, tmp_path / "o")
    back = autograd.load(tmp_path / "o")
    assert back["lr"] == 0.1 and back["betas"] == (0.9, 0.999) and back["names"] == ["a", None, True]
    assert back["state"][0]["step"] == 3 and back["state"][0]["m"].dtype == np.float32


def test_tensors_of_one_name_under_int_and_string_keys_are_refused_or_kept_apart(tmp_path):
    held = {"a": {"b": wrap(np.zeros(1))}, "a.b": wrap(np.ones(1))}
    autograd.save(held, tmp_path / "o")
    back = autograd.load(tmp_path / "o")
    assert back["a"]["b"].item() == 0 and back["a.b"].item() == 1


def test_damaged_and_missing_files(tmp_path):
    path = tmp_path / "w"
    autograd.save({"a": wrap(np.zeros(100))}, path)
    whole = path.read_bytes()
    for content in (whole[:50], whole[:-8], b"", b"\xff" * 100):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="damaged"):
            autograd.load(path)
    with pytest.raises(FileNotFoundError):
        autograd.load(tmp_path / "none")


def test_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "w"
    autograd.save({"a": wrap(np.zeros(3))}, path)
    before = path.read_bytes()
    with pytest.raises(TypeError, match="a.b is a object"):
        autograd.save({"a": {"b": object()}}, path)

    def broken(*args):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="disk full"):
        autograd.save({"a": wrap(np.ones(3))}, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["w"]


def test_files_that_are_open():
    held = io.BytesIO()
    autograd.save({"w": autograd.ones(2), "epoch": 3}, held)
    held.seek(0)
    again = autograd.load(held)
    assert again["epoch"] == 3 and again["w"].tolist() == [1.0, 1.0]
