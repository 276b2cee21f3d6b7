"""What stands between a flow and its records: each step of the check, on clusters in memory."""

import pytest
from kio.schema.errors import ErrorCode

from between import between
from fake_cluster import FakeCluster, Fault
from fault_injection import with_code
from heliograph.preflight.check_flow import FlowCheck
from heliograph.preflight.finding import Level
from heliograph.wire.operations import Operation

OK, WARNING, ERROR = Level.OK, Level.WARNING, Level.ERROR
NEEDED = (
    Operation.READ,
    Operation.WRITE,
    Operation.DESCRIBE,
    Operation.DESCRIBE_CONFIGS,
    Operation.ALTER_CONFIGS,
)


def bits(*operations):
    return sum(1 << each for each in operations)


@pytest.fixture
def found():
    """Prepare both clusters, look at the topics, and return what a step finds: level, text and remedy."""

    def run(step, prepare=lambda _source, _target: None, *, then=lambda _source, _target: None, **changes):
        with FakeCluster("one") as source, FakeCluster("two") as target:
            source.create("orders", 3)
            prepare(source, target)

            async def work(flow):
                check = FlowCheck(flow.config, flow.source, flow.target)
                findings = await check.topics()
                if step != "topics":
                    then(source, target)
                    findings = await getattr(check, step)()
                return [(each.level, each.text, each.remedy) for each in findings]

            return between(source, target, work, **{"topics": ("orders",), **changes})

    return run


def failing(api, place, code):
    """Return a preparation that lets the target answer with an error."""
    return lambda _source, target: target.always.update({api: Fault(0, with_code(place, code))})


# ---- topics ---------------------------------------------------------------------------------------------------------


def test_what_is_copied_and_what_is_to_be_created(found):
    assert found("topics") == [
        (OK, "1 topic with 3 partitions will be copied: orders", ""),
        (OK, "1 topic to create on two: one.orders (3)", ""),
    ]


def test_a_copy_that_is_too_small_is_to_grow(found):
    assert found("topics", lambda _, target: target.create("one.orders"))[1:] == [
        (OK, "1 topic to grow on two: one.orders (to 3)", "")
    ]


def test_a_topic_that_is_named_and_not_there(found):
    told = found("topics", topics=("orders", "missing", "any-.*"))
    assert told[2:] == [
        (WARNING, "one has no topic missing", "Check the name; it is copied when it appears"),
    ]


def test_when_no_topic_is_selected_the_list_is_repeated(found):
    ((level, text, _), *_) = found("topics", topics=("pay.*", "bill"))
    assert (level, text) == (WARNING, "No topic of one is selected by topics=pay.*,bill")


# ---- what must be created -------------------------------------------------------------------------------------------


def test_looking_creates_nothing_and_all_is_well(found):
    def unchanged(_, target):
        assert not target.topics

    assert found("creation", then=unchanged) == []


def test_too_few_brokers_are_told_with_the_option(found):
    prepare = failing("create_topics", ("topics", 0, "error_code"), ErrorCode.invalid_replication_factor)
    ((level, _, remedy),) = found("creation", prepare)
    assert (level, remedy) == (ERROR, "Set replication.factor to at most 1, or add brokers")


def test_topics_that_lack_the_same_permission_share_a_line(found):
    def prepare(source, target):
        source.create("payments")

        def refuse(values):
            for row in values["topics"]:
                row["error_code"] = ErrorCode.topic_authorization_failed
            return values

        target.always["create_topics"] = Fault(0, refuse)

    told = found("creation", prepare, topics=("orders", "payments"))
    assert told == [
        (ERROR, "Permission Create is missing on topic one.orders, one.payments", "Grant it to this client on two")
    ]


def test_a_copy_that_is_there_and_hidden_lacks_describe(found):
    prepare = failing("create_topics", ("topics", 0, "error_code"), ErrorCode.topic_already_exists)
    ((level, text, _),) = found("creation", prepare)
    assert (level, text) == (ERROR, "Permission Describe is missing on topic one.orders")


def test_a_copy_that_may_not_grow_is_shared(found):
    def prepare(source, target):
        target.create("one.orders")
        failing("create_partitions", ("results", 0, "error_code"), ErrorCode.topic_authorization_failed)(source, target)

    ((level, text, remedy),) = found("creation", prepare)
    assert level is WARNING
    assert "may not be given more: one.orders (3 on 1)" in text
    assert remedy == "Grant Alter on them, or add the partitions"


# ---- permissions and limits -----------------------------------------------------------------------------------------


def permitted(source_lacks=(), target_lacks=()):
    def prepare(source, target):
        target.create("one.orders", 3)
        source.operations["orders"] = bits(*(each for each in NEEDED if each not in source_lacks))
        target.operations["one.orders"] = bits(*(each for each in NEEDED if each not in target_lacks))

    return prepare


@pytest.mark.parametrize(
    ("source_lacks", "target_lacks", "wanted"),
    [
        ([Operation.READ], [], (ERROR, "Permission Read is missing on topic orders", "one")),
        ([Operation.DESCRIBE_CONFIGS], [], (WARNING, "Permission DescribeConfigs is missing on topic orders", "one")),
        ([], [Operation.WRITE], (ERROR, "Permission Write is missing on topic one.orders", "two")),
        ([], [Operation.ALTER_CONFIGS], (WARNING, "Permission AlterConfigs is missing on topic one.orders", "two")),
    ],
)
def test_a_permission_that_is_missing(found, source_lacks, target_lacks, wanted):
    level, text, alias = wanted
    told = found("permissions", permitted(source_lacks, target_lacks))
    assert told == [(level, text, f"Grant it to this client on {alias}")]


def test_no_permission_is_missing(found):
    ((level, _, remedy),) = found("permissions", permitted())
    assert (level, remedy) == (OK, "")
    # Who copies no topic configs need not change any.
    ((level, _, _),) = found(
        "permissions", permitted(target_lacks=[Operation.ALTER_CONFIGS]), sync_topic_configs_interval_s=None
    )
    assert level is OK


def test_a_config_that_an_existing_copy_will_not_get(found):
    def prepare(source, target):
        source.topics["orders"].configs.update({"retention.ms": "5", "segment.bytes": "100"})
        target.create("one.orders", 3, segment_bytes="2000000")
        refusals = [ErrorCode.invalid_config]

        def refuse_once(answer):
            if refusals:
                answer["responses"][0].update(error_code=refusals.pop(), error_message="segment.bytes is too small")
            return answer

        target.always["incremental_alter_configs"] = Fault(0, refuse_once)

    text = "two refuses segment.bytes=100 for topic one.orders: segment.bytes is too small (INVALID_CONFIG)"
    remedy = "The topic keeps the value that it has; change it on one to have it follow"
    assert found("configs", prepare) == [(WARNING, text, remedy)]
    assert found("configs", prepare, sync_topic_configs_interval_s=None) == []


def test_a_copy_that_takes_less_than_its_source_holds(found):
    def prepare(source, target):
        source.topics["orders"].configs["max.message.bytes"] = "2000000"
        target.create("one.orders", 3)

    assert found("limits", prepare) == [
        (
            WARNING,
            "max.message.bytes is smaller on two than on the source: one.orders (1,048,588 of 2,000,000 bytes)",
            "Raise it, or records above it cannot be copied",
        )
    ]
    assert found("limits", lambda _, target: target.create("one.orders", 3)) == []
