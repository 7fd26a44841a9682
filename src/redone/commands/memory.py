"""The memory that a run will take, and that there is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redone.commands.prepare import Checked
    from redone.config import RunConfig
    from redone.method.estimate import Phase

GIB = 2**30


def memory(config: RunConfig, checked: Checked) -> list[Phase]:
    """Nothing where nothing is trained. Raises ValueError where the model's own code does not run on tensors without
    contents, of them NotServed where a run would refuse it."""
    from redone.method.estimate import phases
    from redone.model.trial import BREAKS, NotServed

    tasks = checked.dataset.trained
    lengths = [(prompt, task.budget) for name, task in tasks.items() for prompt in checked.lengths[name].prompts]
    device, dtype, _ = checked.machine
    if not lengths:
        return []
    try:
        return phases(config, checked.base, dtype, device == "cuda", checked.max_context, lengths)
    except NotServed:
        raise
    except BREAKS as error:
        raise ValueError(f"memory cannot be estimated: {type(error).__name__}: {str(error)[:200]}") from None


def peak_line(found: Sequence[Phase], device: str) -> str:
    """The largest phase with what the process has already, and what to do where there is less memory than that."""
    own, free = own_and_free(device)
    worst = max(found, key=lambda phase: phase.peak)
    peak = own + worst.peak
    said = f"Memory: about {peak / GIB:.1f} GiB at most ({worst.name} of {worst.stage}), of {free / GIB:.1f} GiB free."
    if peak <= free:
        return said
    return (
        f"{said} That is not enough: lower tokens_per_pass, in_flight or eval.rows, set recompute = true, or train an "
        "adapter, [lora]"
    )


def own_and_free(device: str) -> tuple[int, int]:
    """Bytes that this process has, and that it may have."""
    import torch

    if device == "cuda":
        return 0, torch.cuda.mem_get_info()[0]
    own = kernel_says("/proc/self/status", "VmRSS")
    return own, own + kernel_says("/proc/meminfo", "MemAvailable")


def kernel_says(path: str, key: str) -> int:
    """Bytes, of a file of Linux's that gives KiB; 0 where there is none."""
    try:
        lines = Path(path).read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{key}:")), 0)
