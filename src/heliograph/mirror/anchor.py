"""The one pair of offsets that everything about positions is made of: the same record on both sides.

A lane moves its anchor with every acknowledgement; it is what is stored, what a restart begins from, and what the
offset syncs of MirrorMaker 2 say in their own format.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Anchor:
    """The last acknowledged record: its offset on both sides, and of which source that is true."""

    source_offset: int
    """-1: the place before the first record."""
    target_offset: int | None
    """-1: the place before the first record; None: not known (stored by MirrorMaker 2, or the broker did not tell)."""
    topic_id: str = ""
    """Id of the source topic (KIP-516), which changes when the topic is deleted and created again; empty: not known."""
    leader_epoch: int = -1
    """Epoch of the source partition's leader when the record was read (KIP-320); -1: not known."""
    target_partition: int = -1
    """Target partition that holds the record, where it is shared with others or has another number than the source's;
    -1: it is the source partition's own."""
    target_id: str = ""
    """Id of the target topic; empty: not known."""
    placed: bool = field(default=False, compare=False)
    """A person has set it: the record at ``source_offset`` is not the one at ``target_offset``; those after it are
    behind that one."""
    transactional: bool = field(default=False, compare=False)
    """It was stored in the transaction that copied the records up to it, so no record after it is on the target."""
