"""The floor under the stream: what is older is in a full export that is loaded.

A full export holds every change before V = its time less the margin (see snapshot.py). So a record
of the stream stamped before V can tell nothing new, however late it comes: its item is in the
export as it was at V or later, or it is not there because it was gone by then. Storing it would do
harm in the second case: where the record of the delete was lost, as while the streaming
destination was disabled, nothing in the target outranks it and the item would come back.

Only a version below V is meant: what the stream carries from V on is newer than the export's rows.
And only once all of the export is loaded: one that never will be must not cost a change.
A pipe remembers the floor beside its checkpoints, for it holds after a restart too.
"""

from __future__ import annotations


class Floor:
    """Shared by the loader of a snapshot, which raises it, and the stream's part, which heeds it.

    Args:
        us: from an earlier life of the pipe, in epoch µs; 0 for none.

    Attributes:
        us: records stamped before this are in the export.
        is_abandoned: the stream's part has ended, and will not confirm anything any more.
    """

    def __init__(self, us: int = 0) -> None:
        self.us = us
        self.is_abandoned = False
        self._confirmed_us = us
        self._is_followed = False

    def follow(self) -> None:
        """Say that the stream is read beside the load, and will `confirm`."""
        self._is_followed = True

    def raise_to(self, us: int) -> None:
        """Raise it; a lower one than before changes nothing."""
        self.us = max(self.us, us)

    def confirm(self, us: int) -> None:
        """Nothing that is older than `us` is on its way to the target any more."""
        self._confirmed_us = us

    @property
    def is_in_force(self) -> bool:
        """False while a record from below may still be on its way to the target."""
        return not self._is_followed or self._confirmed_us >= self.us
