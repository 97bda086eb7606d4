"""JSON (RFC 8259) read token by token, so that nothing is built that was not expected.

Python's `json` builds whatever a file holds before anyone can object: 20 times the file's size of
empty lists, or numbers of a million digits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from tinygrad_lite.neurons.json_format import NetworkFileError

_SPACE = re.compile(rb"[ \t\n\r]*")
NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_STRING = re.compile(rb'"[^"\\\x00-\x1f]*(?:\\[^\x00-\x1f][^"\\\x00-\x1f]*)*"')

LONGEST = 1100
"""Bytes in a number or string; a float64 has at most 767 significant digits, and no name of the
format is as long. Without a bound, converting a number takes quadratic time."""

_KINDS = {
    b"{": "an object", b"[": "a list", b'"': "a string", b"t": "true", b"f": "false", b"n": "null",
    b"}": "}", b"]": "]", b",": "a comma", b":": "a colon", b"N": "NaN", b"I": "Infinity",
}  # fmt: skip


class Tokens:
    """A position in JSON text, and the place in the document that it stands for.

    Attributes:
        place: such as ``["otherLayers", 0, "neurons", 3]``; kept by whoever reads.
    """

    def __init__(self, text: bytes, source: str = "") -> None:
        self.text = text
        self.source = source
        self.at = 0
        self.place: list[str | int] = []

    def error(self, problem: str, *further: str | int) -> NetworkFileError:
        """An error that names the place, and the file if there is one."""
        place = ""
        for part in [*self.place, *further]:
            if isinstance(part, int):
                place += f"[{part}]"
            else:
                place += f".{part}" if place else part
        return NetworkFileError(": ".join(part for part in (self.source, place, problem) if part))

    def peek(self) -> bytes:
        """The first byte of what comes next; empty at the end."""
        match = _SPACE.match(self.text, self.at)
        assert match is not None  # it matches nothing at all, too
        self.at = match.end()
        return self.text[self.at : self.at + 1]

    def found(self) -> str:
        """What comes next, in words."""
        first = self.peek()
        if not first:
            return f"the end of the file, after {len(self.text)} bytes"
        if first in _KINDS:
            return _KINDS[first]
        if self.text.startswith(b"-I", self.at):
            return "-Infinity"
        number = NUMBER.match(self.text, self.at, self.at + LONGEST)
        if number:
            return _shortened(number.group().decode())
        return f"byte 0x{first[0]:02x} at {self.at}"

    def accept(self, byte: bytes) -> bool:
        """Whether a punctuation mark comes next; if so, step over it."""
        if self.peek() != byte:
            return False
        self.at += 1
        return True

    def expect(self, byte: bytes) -> None:
        """Step over a punctuation mark that must come next."""
        if not self.accept(byte):
            raise self.error(f"expected {_KINDS[byte]}, found {self.found()}")

    def string(self) -> str:
        """A string of at most `LONGEST` bytes."""
        if self.peek() != b'"':
            raise self.error(f"expected a string, found {self.found()}")
        match = _STRING.match(self.text, self.at, self.at + LONGEST)
        if match is None:
            raise self.error(f"the string at byte {self.at} is unfinished or too long")
        try:
            text: str = json.loads(match.group())
        except ValueError:
            raise self.error(f"the string at byte {self.at} is not as JSON has it") from None
        self.at = match.end()
        return text

    def number(self) -> float:
        """A finite number."""
        token, _ = self._number("a number")
        value = float(token)
        if value - value != 0:
            raise self.error(f"expected a finite number, found {_shortened(token)}")
        return value

    def integer(self, largest: int) -> int:
        """A whole number from 0 on, written without point or exponent."""
        token, whole = self._number("a whole number")
        if not whole:
            raise self.error(f"expected a whole number, found {_shortened(token)}")
        # Python refuses to convert thousands of digits, with an error of its own.
        if len(token) > 20 or not 0 <= int(token) <= largest:
            raise self.error(
                f"expected a whole number from 0 to {largest}, found {_shortened(token)}"
            )
        return int(token)

    def _number(self, what: str) -> tuple[str, bool]:
        self.peek()
        match = NUMBER.match(self.text, self.at, self.at + LONGEST + 1)
        if match is None:
            raise self.error(f"expected {what}, found {self.found()}")
        if match.end() - self.at > LONGEST:
            raise self.error(f"expected {what}, found one of over {LONGEST} characters")
        self.at = match.end()
        return match.group().decode(), match.group(1) is None and match.group(2) is None

    def members(self, *keys: str) -> Iterator[str]:
        """Walk through an object that must have these keys, each once and no others, in any
        order; the reader takes the value before going on."""
        self.expect(b"{")
        missing = dict.fromkeys(keys)
        while not (len(missing) == len(keys) and self.accept(b"}")):
            key = self.string()
            if key not in missing:
                problem = "appears twice" if key in keys else f"is unknown; {_known(keys)}"
                raise self.error(f"the key {_shortened(repr(key))} {problem}")
            del missing[key]
            self.expect(b":")
            self.place.append(key)
            yield key
            self.place.pop()
            if self.accept(b"}"):
                break
            self.expect(b",")
        if missing:
            raise self.error(f"the key {next(iter(missing))!r} is missing")

    def items(self) -> Iterator[int]:
        """Walk through a list; the reader takes each entry before going on."""
        self.expect(b"[")
        if self.accept(b"]"):
            return
        self.place.append(0)
        index = 0
        while True:
            self.place[-1] = index
            yield index
            if self.accept(b"]"):
                break
            self.expect(b",")
            index += 1
        self.place.pop()

    def end(self) -> None:
        """Nothing may follow."""
        if self.peek():
            raise self.error(f"expected the end after the network, found {self.found()}")


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."


def _known(keys: tuple[str, ...]) -> str:
    return f"expected {', '.join(map(repr, keys))}"
