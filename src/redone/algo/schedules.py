"""Learning-rate factors in [0, 1] as functions of the step, so that a resumed run needs no scheduler state."""

import math


def constant_with_warmup(step: int, warmup: int, steps: int = 0, cooldown: float = 0.0) -> float:
    """Linear over the first `warmup` steps (counted from 0; the first already moves), then 1, and over the last
    `cooldown` x `steps` linear to 0, which is reached after the last."""
    up = min(1.0, (step + 1) / warmup) if warmup > 0 else 1.0
    down = min(1.0, (steps - step) / (cooldown * steps)) if cooldown > 0 else 1.0
    return min(up, down)


def cosine_with_warmup(step: int, steps: int, warmup: int) -> float:
    """Linear over the first `warmup` of `steps`, then a cosine to 0 that is reached after the last step."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1.0 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))
