"""The made-up records hold what they promise."""

import json

from heliograph.demo.sample import ORDERS_PARTITIONS, PRODUCTS, orders, products


def test_products_are_keyed_by_their_id() -> None:
    rows = list(products(1_000))
    assert len(rows) == PRODUCTS
    assert [row.key for row in rows] == [b"P01", b"P02", b"P03", b"P04", b"P05"]
    assert all(json.loads(row.value)["product_id"].encode() == row.key for row in rows)


def test_orders_hold_every_hard_case() -> None:
    rows = list(orders(2_000, 1_000))
    assert {row.partition for row in rows} == set(range(ORDERS_PARTITIONS))
    assert any(row.key is None for row in rows)
    assert any(row.value is None for row in rows)
    assert any(row.value == b"" for row in rows)
    assert any([name for name, _ in row.headers].count("hop") == 2 for row in rows)
    assert any(value is None for row in rows for _, value in row.headers)
    assert all(json.loads(row.value) for row in rows if row.value)
    times = [row.timestamp_ms for row in rows if row.partition == 0]
    assert times != sorted(times)
    assert rows == list(orders(2_000, 1_000))
