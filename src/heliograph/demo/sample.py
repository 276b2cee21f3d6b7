"""Made-up records: five products, and as many orders as wanted; pure, and the same each time but for the clock.

The orders hold what replicators are known to get wrong: keys that are missing, values that are null (tombstones) or
empty, several headers of one name, headers without a value, timestamps that go back.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

PRODUCTS_TOPIC = "products"
ORDERS_TOPIC = "orders"
ORDERS_PARTITIONS = 4
PRODUCTS = 5
"""How many products there are."""

_CITIES = ("Antwerp", "Bilbao", "Cork", "Dresden", "Esbjerg", "Faro", "Genoa", "Haarlem")
_PRODUCTS = (
    ("P01", "Apricots", 2, 0.9, 1),
    ("P02", "Basil", 12, 0.85, 2),
    ("P03", "Cherries", 0, 0.92, 1),
    ("P04", "Figs", 1, 0.88, 1),
    ("P05", "Ginger", 13, 0.65, 2),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One record to be sent."""

    partition: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, str | bytes | None]]
    timestamp_ms: int


def products(begin_ms: int) -> Iterator[Sample]:
    """Yield products, keyed by ``product_id``, for a topic of one partition; the first has the time ``begin_ms``."""
    names = ("product_id", "description", "target_temperature", "target_humidity_level", "content_type")
    for number, row in enumerate(_PRODUCTS):
        document = json.dumps(dict(zip(names, row, strict=True)))
        yield Sample(0, row[0].encode(), document.encode(), [], begin_ms + number)


def orders(count: int, begin_ms: int) -> Iterator[Sample]:
    """Yield ``count`` orders for ORDERS_PARTITIONS partitions, about 240 bytes each, one a millisecond."""
    for number in range(count):
        customer = number * 7_919 % 50_021
        key = None if number % 97 == 13 else b"customer-%d" % customer
        value: bytes | None = (
            b'{"order_id": "O%09d", "customer": %d, "product_id": "P%02d", "quantity": %d, "price_cents": %d, '
            b'"city": "%s", "note": "%s"}'
            % (
                number,
                customer,
                number % 5 + 1,
                number % 12 + 1,
                number * 31 % 9_973,
                _CITIES[number % 8].encode(),
                b"deliver before noon " * (number % 10),
            )
        )
        if number % 50 == 49:
            value = None
        elif number % 101 == 7:
            value = b""
        headers: list[tuple[str, str | bytes | None]] = []
        if number % 3 == 0:
            headers = [
                ("trace", b"%016x" % (number * 2_654_435_761)),
                ("hop", b"web"),
                ("hop", b"shop"),
                ("empty", None),
            ]
        yield Sample(number % ORDERS_PARTITIONS, key, value, headers, begin_ms + number - number % 17 * 3)
