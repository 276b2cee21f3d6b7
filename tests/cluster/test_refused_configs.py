"""What is left out when a cluster refuses a topic's configs; brokers here are functions with real brokers' words."""

import asyncio

from heliograph.cluster.refused_configs import RefusedConfig, RefusedConfigs, sift
from heliograph.errors import BrokerError, NotAuthorized
from heliograph.wire import errors as codes

TOO_SMALL = "Invalid value 100000 for configuration segment.bytes: Value must be at least 1048576 (INVALID_CONFIG)"
NO_TIERS = "Tiered Storage functionality is disabled in the broker. (INVALID_CONFIG)"
CONFLICT = "conflict topic config setting min.compaction.lag.ms (500) > max.compaction.lag.ms (400) (INVALID_CONFIG)"


def refusal(words, code=codes.INVALID_CONFIG):
    return BrokerError(f"Cannot create topic t on b: {words}", code=code)


def sifted(configs, judge, requests_max=100):
    """Sift one topic's configs; ``judge`` says why a proposal is refused, or None."""
    asked = []

    async def attempt(proposals):
        asked.append(dict(proposals["t"]))
        assert len(asked) <= requests_max
        return {"t": judge(proposals["t"])}

    found = asyncio.run(sift({"t": configs}, attempt))
    return found.errors["t"], found.refused, asked


def test_what_the_reason_names_is_left_out_and_the_rest_taken():
    def judge(configs):
        return refusal(TOO_SMALL) if "segment.bytes" in configs else None

    error, refused, asked = sifted({"retention.ms": "1", "segment.bytes": "100000", "flush.ms": "2"}, judge, 2)
    assert error is None
    assert refused == (RefusedConfig("t", "segment.bytes", "100000", TOO_SMALL),)
    assert asked[-1] == {"retention.ms": "1", "flush.ms": "2"}


def test_several_are_left_out_one_after_the_other_each_with_its_own_reason():
    def judge(configs):
        if "segment.bytes" in configs:
            return refusal(TOO_SMALL)
        if "remote.storage.enable" in configs:
            return refusal(NO_TIERS)
        return None

    configs = {"retention.ms": "1", "segment.bytes": "100000", "remote.storage.enable": "true", "flush.ms": "2"}
    error, refused, asked = sifted(configs, judge)
    assert error is None
    assert {each.name: each.reason for each in refused} == {
        "segment.bytes": TOO_SMALL,
        "remote.storage.enable": NO_TIERS,
    }
    assert asked[-1] == {"retention.ms": "1", "flush.ms": "2"}


def test_of_two_that_do_not_go_together_one_stays():
    def judge(configs):
        both = {"min.compaction.lag.ms", "max.compaction.lag.ms"} <= configs.keys()
        return refusal(CONFLICT) if both else None

    error, refused, _ = sifted({"max.compaction.lag.ms": "400", "min.compaction.lag.ms": "500"}, judge)
    assert error is None
    assert len(refused) == 1


def test_two_that_are_named_and_both_wrong():
    def judge(configs):
        wrong = {"a.b", "c.d"} & configs.keys()
        return refusal("a.b and c.d are forbidden", codes.POLICY_VIOLATION) if wrong else None

    error, refused, asked = sifted({"a.b": "1", "c.d": "2", "e.f": "3"}, judge)
    assert error is None
    assert {each.name for each in refused} == {"a.b", "c.d"}
    assert asked[-1] == {"e.f": "3"}


def test_a_refusal_that_no_config_causes_stays_the_topics_own():
    def judge(_configs):
        return refusal("no topics on Sundays", codes.POLICY_VIOLATION)

    error, refused, asked = sifted({"a.b": "1", "c.d": "2"}, judge)
    assert str(error) == "Cannot create topic t on b: no topics on Sundays"
    assert refused == ()
    assert {} in asked


def test_a_missing_permission_is_not_looked_for_among_the_configs():
    def judge(_configs):
        return NotAuthorized("Cannot create topic t on b", right="Create", resource="topic t")

    error, refused, asked = sifted({"a.b": "1"}, judge, 1)
    assert isinstance(error, NotAuthorized)
    assert (refused, len(asked)) == ((), 1)


def test_the_number_of_requests_is_bounded():
    count = iter(range(1_000_000))

    def judge(_configs):
        return refusal(f"reason {next(count)}")

    error, refused, asked = sifted({f"config.{number}": "1" for number in range(40)}, judge, 102)
    assert isinstance(error, BrokerError)
    assert refused == ()
    assert len(asked) > 40


def test_topics_are_asked_for_together():
    rounds = []

    async def attempt(proposals):
        rounds.append(sorted(proposals))
        return {name: refusal(TOO_SMALL) if "segment.bytes" in configs else None for name, configs in proposals.items()}

    wanted = {f"t{number}": {"segment.bytes": "100000", "flush.ms": "1"} for number in range(50)}
    found = asyncio.run(sift(wanted | {"fine": {}}, attempt))
    assert not any(found.errors.values())
    assert len(found.refused) == 50
    assert [len(each) for each in rounds] == [51, 50]


def test_a_refusal_is_known_until_the_value_changes():
    known = RefusedConfigs()
    assert known.note(RefusedConfig("t", "segment.bytes", "1", TOO_SMALL))
    assert not known.note(RefusedConfig("t", "segment.bytes", "1", TOO_SMALL))
    assert known.without("t", {"segment.bytes": "1", "flush.ms": "1"}) == {"flush.ms": "1"}
    assert known.without("t", {"segment.bytes": "2"}) == {"segment.bytes": "2"}
    assert known.without("other", {"segment.bytes": "1"}) == {"segment.bytes": "1"}
    known.keep({"other"})
    assert known.note(RefusedConfig("t", "segment.bytes", "1", TOO_SMALL))
