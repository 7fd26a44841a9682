"""Looking at runs while they go, or afterwards, by their files alone: nothing is locked, written or waited for.

seen (what the files say) <- follow (each line read once); view (what that means, pure) -> terminal, page
"""

from collections.abc import Iterable
from pathlib import Path

from redone.watch.follow import Follower
from redone.watch.seen import Seen
from redone.watch.view import View, view


class Looking:
    """Several runs, each looked at again and again; what has not changed is not thought over again."""

    def __init__(self, runs: Iterable[Path]) -> None:
        self.followers = [Follower(run) for run in dict.fromkeys(runs)]
        self.known: list[tuple[Seen, View] | None] = [None] * len(self.followers)

    def views(self) -> list[View]:
        for place, follower in enumerate(self.followers):
            seen, known = follower.look(), self.known[place]
            if known is None or known[0] != seen:
                self.known[place] = seen, view(seen)
        return [known[1] for known in self.known if known is not None]
