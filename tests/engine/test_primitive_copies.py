"""A primitive is copied like the function it is: by reference."""

import copy
import pickle

from tinygrad_lite import Value, sigmoid


def test_a_copy_of_something_that_holds_a_primitive_keeps_its_rule():
    held = copy.deepcopy({"activation": [sigmoid]})["activation"][0]
    assert held is sigmoid
    assert copy.copy(sigmoid) is sigmoid
    assert pickle.loads(pickle.dumps(sigmoid)) is sigmoid
    x = Value(0.0)
    held(x).backward()
    assert x.grad == 0.25
