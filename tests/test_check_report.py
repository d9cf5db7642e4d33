"""What a check leaves behind: the page, looked at in a browser, and the command line's words and exit status."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

import autograd as ag
import nn
from autograd.check import check
from autograd.check.__main__ import main
from autograd.check.html import pages
from autograd.tensor import wrap


class Cube(ag.Function):
    """x cubed with a wrong backward."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 2.0 * x * x


@pytest.fixture(scope="module")
def page():
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).double()
    right = check(net, wrap(rng.standard_normal((5, 3))), title="a <network>")
    x = wrap(rng.uniform(0.5, 2, (3, 3))).requires_grad_()
    return pages([right, check(Cube.apply, x, title="a cube")])


class Structure(HTMLParser):
    """Tags that stay open, addresses that are fetched, and pictures."""

    void = {"meta", "img", "br", "link"}

    def __init__(self):
        super().__init__()
        self.open, self.pictures, self.fetched = [], [], []

    def handle_starttag(self, tag, attributes):
        if tag not in self.void:
            self.open.append(tag)
        for name, value in attributes:
            if name in ("src", "href"):
                (self.pictures if value.startswith("data:image/png;base64,") else self.fetched).append(value)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_page_is_whole_and_fetches_nothing(page):
    structure = Structure()
    structure.feed(page)
    assert structure.open == [] and structure.fetched == []
    assert len(structure.pictures) == 5, "a picture a parameter"
    assert "http" not in re.sub(r"data:[^\"]*", "", page)
    assert "a &lt;network&gt;" in page and "first wrong operation: Cube" in page


def test_page_in_a_browser(page, tmp_path):
    """Chromium lays the page out: every picture is decoded to its size, the verdict is shown."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None and not os.environ.get("CI"):
        pytest.skip("no chromium: `apt-get install chromium`; the page's structure is checked above")
    assert chromium is not None, "no chromium: .ci/run installs it"
    probe = (
        "<script>addEventListener('load',()=>{"
        "const sizes=[...document.images].map(i=>i.naturalWidth+'x'+i.naturalHeight);"
        "document.title='seen '+sizes.join(' ')+' '+document.getElementById('verdict').innerText+' '"
        "+document.querySelectorAll('td.wrong').length;})</script></body>"
    )
    file = tmp_path / "check.html"
    file.write_text(page.replace("</body>", probe), encoding="utf-8")
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=5000", "--dump-dom", file.as_uri()]
    seen = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    title = re.search(r"<title>(seen [^<]*)</title>", seen)
    assert title is not None, seen[:500]
    words = title[1].split()
    assert words[1:6] == ["990x297"] * 5 and words[6:] == ["WRONG", "1"]


# ------------------------------------------------------------------------------------------------ the command line

MINE = """
import autograd as ag
import nn

class Cube(ag.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 2.0 * x * x

def bad(x=ag.tensor([0.5, 1.0])):
    return Cube.apply(x)

def good(x=ag.tensor([0.5, 1.0])):
    return ag.exp(x)

def case():
    return nn.Linear(2, 3), ag.ones(4, 2), lambda y: (y * y).sum()

class Net(nn.Module):
    "(N, 3) -> (N, 2): linear."

    def __init__(self):
        super().__init__()
        self.only = nn.Linear(3, 2)

    def forward(self, x):
        return self.only(x)
"""


@pytest.fixture
def mine(tmp_path):
    file = tmp_path / "mine_to_check.py"
    file.write_text(MINE)
    yield str(file)
    sys.modules.pop("mine_to_check", None)


def test_operations_by_name(capsys):
    assert main(["tanh", "softmax", "--order", "1"]) == 0
    assert "are right" in capsys.readouterr().out


def test_a_function_of_a_file(mine, capsys, tmp_path):
    page = tmp_path / "bad.html"
    assert main([f"{mine}:bad", "--html", str(page)]) == 1
    out = capsys.readouterr().out
    assert "first wrong operation: Cube" in out and "WRONG" in out
    assert "first wrong operation: Cube" in page.read_text()
    assert main([f"{mine}:good"]) == 0
    assert main([f"{mine}:case"]) == 0
    assert "weight" in capsys.readouterr().out


def test_networks_of_a_file_and_of_an_example(mine, capsys):
    assert main([mine]) == 0
    assert "only.weight" in capsys.readouterr().out
    assert main(["examples.lenet5", "--mode", "fast"]) == 0
    assert "classifier.0.weight" in capsys.readouterr().out


def test_what_cannot_be_found_is_said(mine):
    with pytest.raises(SystemExit, match="'nothing_of_this_name' is no operation, and importing it failed"):
        main(["nothing_of_this_name"])
    with pytest.raises(SystemExit, match="has no other"):
        main([f"{mine}:other"])


def test_exit_status_of_the_process(mine):
    command = [sys.executable, "-m", "autograd.check", f"{mine}:bad"]
    assert subprocess.run(command, capture_output=True, timeout=300).returncode == 1


def test_a_wrong_operation_of_the_registry_is_reported(capsys, monkeypatch):
    import copy

    from autograd.op import REGISTRY, _general

    broken = copy.copy(REGISTRY["tanh"])
    broken.formulas = (lambda g, y: g * (1.0 + y * y),)
    broken._lay_out(1)
    broken.call = _general(broken)
    monkeypatch.setitem(REGISTRY, "tanh", broken)
    assert main(["tanh"]) == 1
    assert "first wrong operation: tanh" in capsys.readouterr().out
