"""A step's passes through the model, with less in each where a device's memory is not enough for them."""

from collections.abc import Callable
from typing import TypeVar

import torch

_FEWEST = 16  # tokens of a pass
_Found = TypeVar("_Found")


class Passes:
    """tokens: most that go through the model at once. It is halved where memory runs out, and stays so."""

    def __init__(self, tokens: int, say: Callable[[str], None]) -> None:
        self.tokens = tokens
        self.say = say

    def run(self, whole: Callable[[int], _Found], undo: Callable[[], None] = lambda: None) -> _Found:
        """What `whole` gives, of as many tokens at once; `undo` takes back what it did before memory ran out, and then
        it begins again. Raises ValueError where there is nothing left to halve."""
        while True:
            try:
                return whole(self.tokens)
            except torch.OutOfMemoryError as error:
                said = str(error).strip().splitlines()[0]
            undo()
            torch.cuda.empty_cache()
            if self.tokens // 2 < _FEWEST:
                raise ValueError(
                    f"the device's memory is not enough for one prompt and its answers ({said}); train an adapter, "
                    "[lora], set recompute = true, or lower the stage's group or the tasks' budgets"
                )
            self.tokens //= 2
            self.say(
                f"The device's memory is not enough for {2 * self.tokens} tokens at once: from here on "
                f"{self.tokens} go through the model. tokens_per_pass = {self.tokens} spares this"
            )
