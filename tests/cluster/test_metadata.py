from types import SimpleNamespace as Row

from heliograph.cluster.metadata import Broker, Metadata, Partition, Topic, merged, of_answer


def partition(number, leader, epoch=4, code=0):
    return Row(partition_index=number, leader_id=leader, leader_epoch=epoch, error_code=code)


def topic(name, *partitions, code=0):
    return Row(name=name, partitions=partitions, topic_id=None, is_internal=False, error_code=code)


def answer(*topics, brokers=((1, "a", 9092),)):
    rows = [Row(node_id=n, host=h, port=p, rack="r") for n, h, p in brokers]
    return Row(brokers=rows, topics=topics, controller_id=1, cluster_id="id")


def test_an_answer_becomes_a_picture():
    picture = of_answer(answer(topic("t", partition(0, 1), partition(1, -1, code=5))))
    assert picture.brokers == {1: Broker(1, "a", 9092, "r")}
    assert picture.topics["t"].partitions == {0: Partition(1, 4), 1: Partition(-1, 4, 5)}
    assert (picture.controller, picture.cluster_id) == (1, "id")
    assert (picture.leader("t", 0), picture.leader_epoch("t", 0)) == (1, 4)


def test_what_is_not_known_is_minus_one():
    picture = of_answer(answer(topic("t", partition(0, 1))))
    for name, number in (("t", 7), ("other", 0)):
        assert picture.leader(name, number) == -1
        assert picture.leader_epoch(name, number) == -1


def test_old_brokers_tell_less():
    bare = Row(brokers=[Row(node_id=1, host="a", port=1)], topics=[Row(name="t", error_code=0, partitions=[
        Row(partition_index=0, leader_id=1, error_code=0)])])  # fmt: skip
    picture = of_answer(bare)
    assert picture.leader_epoch("t", 0) == -1
    assert (picture.controller, picture.cluster_id) == (-1, None)
    assert picture.brokers[1].rack is None


def test_topics_without_a_name_are_left_out():
    assert of_answer(answer(topic(None))).topics == {}


def test_a_refresh_of_some_topics_keeps_the_others_and_forgets_those_that_are_gone():
    def plain(name, leader):
        return Topic(name, {0: Partition(leader, 1)})

    old = Metadata({1: Broker(1, "a", 1)}, {name: plain(name, 1) for name in ("a", "b", "gone")}, 1, "id")
    new = Metadata({2: Broker(2, "b", 2)}, {"b": plain("b", 2)}, 2, "id")
    found = merged(old, new, frozenset({"b", "gone"}))
    assert {name: row.partitions[0].leader for name, row in found.topics.items()} == {"a": 1, "b": 2}
    assert set(found.brokers) == {2}
    assert found.controller == 2
