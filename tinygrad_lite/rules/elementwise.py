"""Rules of functions that work entry by entry."""

from __future__ import annotations

import math

import numpy as np

from tinygrad_lite.engine.rulebook import defvjp
from tinygrad_lite.rules.zero import product, quotient

defvjp(np.exp, lambda g, out, x: product(g, out), scalar=math.exp)
defvjp(np.log, lambda g, out, x: quotient(g, x), scalar=math.log)
defvjp(np.sqrt, lambda g, out, x: quotient(g, 2 * out), scalar=math.sqrt)
defvjp(np.tanh, lambda g, out, x: g * (1 - out * out), scalar=math.tanh)
defvjp(np.sin, lambda g, out, x: g * np.cos(x), scalar=math.sin)
defvjp(np.cos, lambda g, out, x: -g * np.sin(x), scalar=math.cos)
