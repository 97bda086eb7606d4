"""Capture and replay: record a function once, then run it as a flat plan of NumPy calls.

From call to plan, each step a file:

    traced     runs the function on `Traced` numbers and arrays; everything they meet is recorded
    form       the Recording: what lifting reads and returns
    lifting/   a Recording of scalars into one of matrices; returns what it is given if it finds
               nothing that repeats
    simplify, stages
               a ReLU behind a pooling, in one step with it; batch normalisation and what
               surrounds it as one step
    lowering   expands pull-backs and composite operations into plain NumPy calls, by running the
               rules of the rulebook on `Traced` arrays once more
    passes     shares common subexpressions, drops dead work
    memory     gives every result a buffer, by lifetime
    plan       writes the calls as one Python function
    guards     what the recording relied upon: shapes, Python numbers, whether gradients were reset
    entry      a plan with its guards; comparing it with the function
    captured   what users call: capture

The Recording
-------------
A `Recording` (see `form`) is a list of instructions in the order of the call, in single
assignment: each defines Slots, and takes Slots and plain constants.

- `Instruction`: ``targets = function(*arguments, **settings)``. `function` is a row of the rulebook
  (an `Operation`, which can be pulled back) where a Value was recorded, else a NumPy function that
  was called on plain traced arrays. With `into`, it writes into the memory of an earlier slot,
  whose later version its target is (``p.data -= change``).
- `PullBack`: gradients of `outputs` by `wrt`, still unexpanded. Lowering expands it by running the
  rules over the instructions before it; so whoever rewrites these instructions (lifting) need not
  touch the pull-back, beyond renaming its slots.
- `Effect`: a Python call made anew at each replay, such as an optimiser's step.

Slots without an instruction are defined by a `Source`: an argument, the data or gradient of a leaf
Value, an attribute of a module, or a `Pack`, a flat array in which many scalar leaves live.
At the end `Recording.stores` says which slots are written back to which sources,
`Recording.gradients` what the `.grad` of each leaf is, `Recording.result` what is returned.

Lifting plugs in as ``tinygrad_lite.replay.lifting.lift(recording) -> Recording``, called once for
every recording before it is lowered. It may replace scalar leaf sources by a `Pack`, and stores to
and gradients of them by those of the Pack (key the Pack itself), and instructions by any others
made of rows of the rulebook. A Slot carries the shape, dtype and the example (the number or array
that it had while recording), so that the result can be compared. Scalars have `is_number`.

Randomness
----------
A draw that must be fresh at each replay goes through ``engine.random.draw``:

    mask = draw(generator, "random", shape, dtype=np.float32)

is ``generator.random(shape, dtype=np.float32)``, recorded as an operation of its own that runs
anew. Random numbers drawn in any other way while recording are noticed and refused.

State that an operation changes (the running averages of a normalisation) is traced where it is an
array attribute of a Module: both ``self.mean *= 0.9`` and ``self.mean = 0.9 * self.mean + ...``
replay as they are written, in plain NumPy on `.data`.
"""

import tinygrad_lite.replay.operators  # noqa: F401 (attaches them)
from tinygrad_lite.replay.captured import capture
from tinygrad_lite.replay.errors import CaptureError

__all__ = ["CaptureError", "capture"]
