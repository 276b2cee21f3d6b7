"""A limit of bandwidth that holds for now: told to a flow where all its workers hear it, whatever the file says."""

from dataclasses import dataclass

from heliograph.config.model import FlowConfig
from heliograph.mirror.steering import ToldLimit, limit_row
from heliograph.observe.operations import Copier
from heliograph.offsets.claims import claims_on
from heliograph.offsets.endpoints import both
from heliograph.offsets.steering import SteeringTopic
from heliograph.offsets.valve import refuse_others, steering_of


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants."""

    limit: ToldLimit | None
    """None: what the file says."""


@dataclass(frozen=True, slots=True)
class LimitOutcome:
    """What holds, and what came of a wish."""

    told: ToldLimit | None
    """By a command; None: the file's limit holds."""
    changed: bool
    """Whether that was new."""
    copier: Copier
    before: ToldLimit | None
    """What was told by a command before."""


async def limit_flow(flow: FlowConfig, wish: Wish | None) -> LimitOutcome:
    """Tell a flow its limit; without a wish, only look. Raises HeliographError."""
    async with both(flow, without_source=True) as endpoints:
        assert endpoints.target is not None, "the target is needed"
        claims = await claims_on(flow, endpoints.target)
        topic = SteeringTopic(endpoints.target, flow)
        before = (await steering_of(topic)).limit
        if wish is None:
            return LimitOutcome(before, changed=False, copier=claims.copier, before=before)
        refuse_others(flow, claims, for_topics=True)
        if wish.limit != before:
            await topic.write([limit_row(wish.limit)])
        return LimitOutcome(wish.limit, changed=wish.limit != before, copier=claims.copier, before=before)
