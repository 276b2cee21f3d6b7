from pathlib import Path

from heliograph.config.properties import parse_properties
from heliograph.config.renamed import rename


def renamed(content):
    entries, warnings = rename(parse_properties(content, Path("mm2.properties")).entries)
    return {key: (entry.value, entry.line) for key, entry in entries.items()}, [item.message for item in warnings]


def test_removed_spellings_are_read_as_todays():
    entries, warnings = renamed(b"topics.blacklist=a\nx->y.groups.blacklist=b\nx->y.config.properties.blacklist=c")
    assert entries == {
        "topics.exclude": ("a", 1),
        "x->y.groups.exclude": ("b", 2),
        "x->y.config.properties.exclude": ("c", 3),
    }
    assert warnings[0] == "topics.blacklist was removed in Kafka 4.0; it is read as topics.exclude, write that instead"
    assert len(warnings) == 3


def test_whitelists_that_mm2_never_had_are_read_too():
    entries, warnings = renamed(b"x->y.topics.whitelist=a\ngroups.whitelist=b")
    assert entries == {"x->y.topics": ("a", 1), "groups": ("b", 2)}
    assert "is no key of MM2" in warnings[0]


def test_todays_spelling_wins():
    entries, warnings = renamed(b"topics.blacklist=a\ntopics.exclude=b")
    assert entries == {"topics.exclude": ("b", 2)}
    assert "has no effect beside topics.exclude" in warnings[0]


def test_other_keys_are_left_alone():
    entries, warnings = renamed(b"blacklist=a\nx.topics.blacklist=b\ntopics=c")
    assert list(entries) == ["blacklist", "x.topics.blacklist", "topics"]
    assert warnings == []
