"""How much work an encrypted store asks for: found before a password is tried, or one wrong bit could cost hours.

Passwords become keys by hashing very often, and the store itself says how often (PKCS#12: RFC 7292, PBKDF2: RFC 8018).
In all these structures the number follows a salt: an INTEGER behind an OCTET STRING. So the DER is walked as a tree of
tags and lengths, through octet strings that hold DER in turn, and each such number is held against Java's own limit.
What cannot be walked is left for the real parser to refuse.
"""

from collections.abc import Iterator

ITERATIONS_MAX = 5_000_000
"""Java refuses more in a PKCS#12 store, too."""
DEPTH_MAX = 30
PARTS_MAX = 500_000
"""Most parts that are looked at: a store of the largest size with thousands of certificates has fewer."""

_INTEGER, _OCTET_STRING, _SEQUENCE, _CONSTRUCTED = 0x02, 0x04, 0x30, 0x20
_INDEFINITE = 0x80


def check_work(der: bytes) -> None:
    """Raise ValueError if a part of ``der`` asks for more than ITERATIONS_MAX iterations, or it has too many parts."""
    waiting = [(0, len(der), 0)]
    parts = 0
    while waiting:
        start, end, depth = waiting.pop()
        before = 0
        for tag, at, stop in _parts(der, start, end):
            parts += 1
            if parts > PARTS_MAX:
                raise ValueError(f"holds more than {PARTS_MAX} parts")
            if tag == _INTEGER and before == _OCTET_STRING and _number(der, at, stop) > ITERATIONS_MAX:
                raise ValueError(f"asks for more than {ITERATIONS_MAX} iterations to make a key of its password")
            nested = tag & _CONSTRUCTED or (tag == _OCTET_STRING and der[at : at + 1] == bytes((_SEQUENCE,)))
            if nested and depth < DEPTH_MAX:
                waiting.append((at, stop, depth + 1))
            before = tag


def _parts(der: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield tag, start and end of each value between ``at`` and ``end``, as far as these make sense."""
    while end - at >= 2:
        tag, length = der[at], der[at + 1]
        at += 2
        if length == _INDEFINITE:
            length = end - at
        elif length & _INDEFINITE:
            width = length & 0x7F
            if width > 4 or width > end - at:
                return
            length = int.from_bytes(der[at : at + width])
            at += width
        if length > end - at:
            return
        yield tag, at, at + length
        at += length


def _number(der: bytes, start: int, end: int) -> int:
    """Return a positive number; 0 for one that is far too large to count iterations (a curve's order, for one)."""
    return int.from_bytes(der[start:end], signed=True) if end - start <= 9 else 0
