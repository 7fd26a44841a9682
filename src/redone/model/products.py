"""Which library multiplies float32 matrices on a CPU.

torch takes Intel's MKL, which on an AMD processor reaches a third of what oneDNN reaches; and it takes oneDNN where it
may multiply with less precision, of which oneDNN makes no use on these processors. That is tried at every start.
"""

from pathlib import Path
from typing import Literal

import torch

EXACT = 1e-5  # the largest error that is taken for float32's, of the largest number of a product
_SHAPES = ((1, 576, 1536), (64, 512, 48), (300, 1536, 256))  # rows, inner, columns


def settle(device: str) -> Literal["oneDNN", "torch's own"]:
    """Choose by the kind of processor, so that a machine repeats its runs to the last bit; leaves CUDA as it is."""
    if device != "cpu" or vendor() != "AuthenticAMD":
        return "torch's own"
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    if error() <= EXACT:
        return "oneDNN"
    torch.set_float32_matmul_precision(before)
    return "torch's own"


def error() -> float:
    """The largest error of products as they are computed now, against float64, of each one's largest number."""
    random = torch.Generator().manual_seed(0)
    worst = 0.0
    for rows, inner, columns in _SHAPES:
        one, other = torch.randn(rows, inner, generator=random), torch.randn(columns, inner, generator=random)
        exact = one.double() @ other.double().T
        worst = max(worst, float((torch.nn.functional.linear(one, other) - exact).abs().max() / exact.abs().max()))
    return worst


def vendor() -> str:
    """Of the processor, as Linux names it; "" where it does not."""
    return _said("vendor_id")


def multiplies_bfloat16() -> bool:
    """Whether the processor has instructions for products in bfloat16 (AVX-512, AMX, Arm), as far as Linux says."""
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(f"{_said('flags')} {_said('Features')}".split())


def _said(key: str) -> str:
    """What Linux says of its first processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == key), "")
