import pytest

from file_order import longest_first

pytest_plugins = ["pytester"]


def test_files_that_took_longest_start_first(pytester: pytest.Pytester) -> None:
    for name in ("a", "b", "c", "d"):
        mark = "@pytest.mark.brokers\n" if name == "c" else ""
        pytester.makepyfile(**{f"test_{name}": f"import pytest\n{mark}def test_2(): pass\ndef test_1(): pass"})
    pytester.makeini("[pytest]\nmarkers =\n  brokers: needs brokers")
    items, _ = pytester.inline_genitems()
    ordered = [item.nodeid for item in longest_first(items, {"test_a.py": 5.0, "test_d.py": 99.0})]
    files = ["test_d.py", "test_c.py", "test_a.py", "test_b.py"]
    assert ordered == [f"{file}::test_{number}" for file in files for number in (2, 1)]
