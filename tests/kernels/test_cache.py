"""Compiled kernels are loaded again by the next process, and only while they are those of their source."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

import autograd.kernels as kernels

SCRIPT = """
import sys
import numpy as np
from autograd.kernels.gemm import matmul
product = matmul(np.arange(15.0).reshape(3, 5), np.arange(35.0).reshape(5, 7))
print(product.sum(), "scipy.linalg" in sys.modules, "numba.np.arraymath" in sys.modules)
from numba import njit
print(njit(lambda x: np.sin(x).sum() + np.sort(-x)[0])(np.arange(3.0)))  # numba itself is as it was
"""
SUM = float((np.arange(15.0).reshape(3, 5) @ np.arange(35.0).reshape(5, 7)).sum())


def run(cache: Path, package: Path | None = None) -> tuple[list[str], str]:
    environment = os.environ | {"TAPEGRAD_CACHE": str(cache), "TAPEGRAD_AHEAD": "0"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, env=environment, cwd=package
    )
    return done.stdout.split("\n"), done.stderr


def test_a_second_process_compiles_nothing(tmp_path: Path) -> None:
    first, said = run(tmp_path)
    assert said.startswith("tapegrad: compiling kernels for this machine, kept in ")
    again, silence = run(tmp_path)
    assert silence == ""
    assert again[0] == f"{SUM} False False"  # nothing of what only compiling needs was imported
    assert again[1] == first[1]


def test_where_nothing_can_be_kept_every_process_compiles_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for _ in range(2):
        shown, said = run(tmp_path / "file" / "cache")
        assert shown[0].startswith(str(SUM))
        assert "compiling kernels" in said
        assert said.count("cannot be kept in") == 1 and "TAPEGRAD_CACHE names another folder" in said


def test_a_changed_file_below_is_compiled_anew(tmp_path: Path) -> None:
    """A comment in `simd.py` concerns the kernels of `gemm.py`, which import it; one in `pool.py` does not."""
    source = Path(kernels.__file__).parents[1]
    package = tmp_path / "package"
    package.mkdir()
    subprocess.run(["cp", "-r", str(source), str(package)], check=True)
    assert "compiling" in run(tmp_path / "cache", package=package)[1]
    for name, expected in (("pool", False), ("simd", True)):
        with (package / "autograd" / "kernels" / f"{name}.py").open("a") as file:
            file.write("# changed\n")
        assert ("compiling" in run(tmp_path / "cache", package=package)[1]) == expected
