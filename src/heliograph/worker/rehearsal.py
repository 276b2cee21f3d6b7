"""Creating and growing topics as a rehearsal: the broker validates and changes nothing (``validate_only``).

The answers are those of the real thing - a missing right, too few brokers, a policy that forbids it - so they tell
beforehand what a start would run into.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from heliograph.cluster.admin import NewTopic
from heliograph.cluster.cluster import Cluster, raise_for
from heliograph.errors import BrokerError, HeliographError
from heliograph.wire import errors as codes
from heliograph.worker.topics import CREATE_AT_ONCE


async def create(cluster: Cluster, topics: Sequence[NewTopic]) -> dict[str, HeliographError]:
    """Give, by topic, why it could not be created; nothing for one that could."""
    problems: dict[str, HeliographError] = {}
    for start in range(0, len(topics), CREATE_AT_ONCE):
        rows = [
            {
                "name": each.name,
                "num_partitions": each.partitions,
                "replication_factor": each.replication_factor,
                "assignments": (),
                "configs": [{"name": key, "value": value} for key, value in each.settings.items()],
            }
            for each in topics[start : start + CREATE_AT_ONCE]
        ]
        answer = await _ask(cluster, "create_topics", rows, lambda answer: answer.topics)
        problems.update(_problems(answer.topics, cluster, "create", "Create"))
    return problems


async def grow(cluster: Cluster, totals: Mapping[str, int]) -> dict[str, HeliographError]:
    """Give, by topic, why it could not be given that many partitions; nothing for one that could."""
    if not totals:
        return {}
    rows = [{"name": name, "count": count, "assignments": None} for name, count in totals.items()]
    answer = await _ask(cluster, "create_partitions", rows, lambda answer: answer.results)
    return _problems(answer.results, cluster, "add partitions to", "Alter")


async def _ask(cluster: Cluster, api: str, rows: list[dict[str, Any]], results: Any) -> Any:
    def check(answer: Any) -> None:
        if any(int(row.error_code) == codes.NOT_CONTROLLER for row in results(answer)):
            raise BrokerError("the controller has moved", code=codes.NOT_CONTROLLER)

    values = {"topics": rows, "timeout": cluster.config.request_timeout_ms, "validate_only": True}
    return await cluster.call_controller(api, values, check)


def _problems(rows: Iterable[Any], cluster: Cluster, verb: str, right: str) -> dict[str, HeliographError]:
    problems: dict[str, HeliographError] = {}
    for row in rows:
        name = str(row.name)
        what = f"{verb} topic {name} on {cluster.alias}"
        try:
            raise_for(int(row.error_code), what, f"topic {name}", right=right, said=row.error_message)
        except HeliographError as error:
            problems[name] = error
    return problems
