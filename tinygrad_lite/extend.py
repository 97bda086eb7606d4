"""For authors of operations: `primitive` and `defvjp`."""

from tinygrad_lite.engine.primitive import primitive
from tinygrad_lite.engine.rulebook import composed, defvjp

__all__ = ["composed", "defvjp", "primitive"]
