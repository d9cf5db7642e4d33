"""What each formula returns has its input's shape, or one that the tape may rightly sum or spread to it.

The tape sums a contribution to the input's shape, for inputs that the operation broadcast, and spreads one that is smaller,
for reductions. A formula that returns another shape by mistake would be summed silently; here it is seen.
"""

from __future__ import annotations

import numpy as np
import pytest
from test_registry import convert, flat, leaf, outputs, samples

from autograd.op import REGISTRY
from autograd.tape import Output

# operations whose inputs broadcast without the output having the shape they broadcast to
BATCHED = {
    "matmul": "batches of matrices broadcast",
    "_solve": "batches of matrices broadcast",
    "_index_copy": "one number as source of many places",
    "_index_put": "one value at many places",
    "_scatter": "one number as source of many places",
}


def returned(name):
    """(shape of the contribution, of the input, of the output) of each input in each sample."""
    for args, kwargs in samples(REGISTRY[name]):
        tensors = convert(list(args), leaf)
        results = [r for r in outputs(REGISTRY[name].call(*tensors, **kwargs)) if r.requires_grad]
        if not results or not any(t.requires_grad for t in flat(tensors)):
            continue
        owner = results[0].grad_fn
        node = owner.node if isinstance(owner, Output) else owner
        if node.op is not REGISTRY[name]:
            continue  # what a setting put in its place
        ones = [np.ones(r.shape, r.dtype) for r in results]
        g = [*ones, *[None] * (node.slots - len(ones))] if node.slots else ones[0]
        for edge, contribution in zip(node.edges, node.op.pull(g, node.values, node.edges), strict=True):
            if edge is not None and contribution is not None and hasattr(contribution, "shape"):
                yield tuple(contribution.shape), tuple(edge.shape), tuple(results[0].shape)


@pytest.mark.parametrize(
    "name", [name for name, entry in REGISTRY.items() if entry.kind == "op" and entry.differentiable]
)
def test_contributions_have_their_inputs_shape(name):
    for came, wanted, output in returned(name):
        if came == wanted:
            continue
        both = np.broadcast_shapes(came, wanted)
        spread = both == wanted  # a reduction gives back what every element gets
        summed = both == came and (came == output or name in BATCHED)
        assert spread or summed, f"{name}: a formula returned {came} for an input {wanted}; the output is {output}"


def test_the_exceptions_are_needed():
    for name in BATCHED:
        found = [
            came != wanted and np.broadcast_shapes(came, wanted) == came != out for came, wanted, out in returned(name)
        ]
        assert any(found), f"{name} needs no exception"
