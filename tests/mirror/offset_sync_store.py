"""What MirrorMaker 2 makes of offset syncs: 64 per partition, the newest dense, older ones ever further apart."""

SLOTS = 64


class OffsetSyncStore:
    """The syncs of one partition, newest first; a sync is a pair of source and target offset."""

    def __init__(self):
        self.slots = []

    def feed(self, sync):
        if not self.slots or sync[0] < self.slots[0][0]:
            self.slots = [sync] * SLOTS
            return
        before, slots = self.slots, [sync, *self.slots[1:]]
        chosen, taken = sync, 0
        for slot in range(1, SLOTS):
            newer = slots[slot - 1]
            while True:
                old = before[taken]
                apart = _apart(newer, old, slot - 1)
                fits = apart and _recent(newer, old, slot) and (slot == SLOTS - 1 or _apart(old, slots[slot + 1], slot))
                if fits:
                    chosen = old
                useless = not apart or (taken + 1 < SLOTS and before[taken + 1] is old)
                taken += fits or useless
                if not useless or taken >= slot:
                    break
            if _recent(newer, slots[slot], slot):
                break
            slots[slot] = chosen
        self.slots = slots

    @property
    def distinct(self):
        """Source offsets of the syncs kept, falling."""
        return list(dict.fromkeys(sync[0] for sync in self.slots))

    def translate(self, upstream):
        """Return a target offset as MM2 would commit it; -1 where it says nothing."""
        sync = next((each for each in self.slots if each[0] <= upstream), None)
        if sync is None:
            return -1
        return sync[1] + (sync[0] != upstream)


def _recent(newer, older, slot):
    return newer is older or newer[0] <= older[0] + 2**slot - 2 ** (slot - 1)


def _apart(newer, older, slot):
    return newer is older or newer[0] >= older[0] + 2 ** max(slot - 2, 0)
