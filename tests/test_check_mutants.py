"""Every formula of the registry, changed mechanically in one place: the checker finds each change and names the
operation.
"""

from __future__ import annotations

import numpy as np
import pytest
from mutants import mutants_of, operations, same

from autograd import tape
from autograd.check import check
from autograd.check.registry import cases
from autograd.op import REGISTRY
from autograd.tensor import wrap


def sampled(op):
    """(function, leaves) for each sample: the operation between products by constants, which are right."""
    for call, leaves in cases(op):
        if sum(t.numel() for t in leaves):
            with tape.no_grad():
                for leaf in leaves:
                    np.divide(leaf._data, 1.25, out=leaf._data)
            yield lambda *given, call=call: [out * 1.5 for out in call(*[x * 1.25 for x in given])], leaves


def gradients(run, leaves):
    outs = [out for out in run(*leaves) if out.requires_grad]
    if not outs:
        return []
    rng = np.random.default_rng(1)
    turned = [1 + 0.5j if out.is_complex() else 1.0 for out in outs]  # both parts of complex ones
    seeds = [wrap(np.asarray(rng.uniform(0.5, 1.5, out.shape) * turn)) for out, turn in zip(outs, turned, strict=True)]
    return [
        None if g is None else np.array(g.numpy(force=True)) for g in tape.grad(outs, leaves, seeds, allow_unused=True)
    ]


COUNTED = {"caught": 0, "equivalent": 0}


@pytest.mark.parametrize("name", operations())
def test_every_change_of_a_formula_is_found_and_blamed(name):
    if not REGISTRY[name].samples:
        pytest.fail(f"{name} has no samples")
    originals = [gradients(run, leaves) for run, leaves in sampled(REGISTRY[name])]
    for mutant in mutants_of(name):
        for original, (run, leaves) in zip(originals, sampled(mutant.op), strict=True):
            try:
                changed = gradients(run, leaves)
            except Exception:  # a change that breaks the formula is found by whoever runs it
                continue
            if same(original, changed):
                continue
            report = check(run, leaves, mode="sampled", sample=6, directions=2)
            assert not report.ok, f"{mutant.what} was not found on inputs of shapes {[tuple(t.shape) for t in leaves]}"
            blamed = {finding.op for finding in report.findings}
            assert blamed == {mutant.op.name}, f"{mutant.what} was blamed on {blamed}: {report.table()}"
            COUNTED["caught"] += 1
            break
        else:
            COUNTED["equivalent"] += 1


def test_the_mechanical_set_is_large():
    assert COUNTED["caught"] == 0 or COUNTED["caught"] >= 300, COUNTED
