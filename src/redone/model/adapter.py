"""LoRA: a model whose own weights are frozen and whose linear layers have an adapter of low rank beside them.

The layers are PEFT's, put into the model by transformers, so that the model's class, and every path of a policy, stay
what they are. Source: Hu et al. 2022.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

INSTALL = "pip install 'redone[lora]'"
WEIGHTS = "adapter_model.safetensors"
_NAME = "default"  # PEFT's own


def attach(model: Any, *, rank: int, alpha: float, targets: Sequence[str], seed: int, base: str) -> None:
    """Freeze the model's weights and put an adapter beside the linear layers that `targets` name ("all-linear": all but
    the head), which changes nothing yet. base: what the adapter's own configuration names as its base.

    Raises ValueError as `check` does.
    """
    check(model, targets)
    from peft import LoraConfig

    every = "all-linear" in targets
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,  # type: ignore[arg-type]  # a float will do
        target_modules="all-linear" if every else list(targets),
        task_type="CAUSAL_LM",
        base_model_name_or_path=base,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model.add_adapter(config)
    for weight in model.parameters():
        if weight.requires_grad:  # PEFT makes them in the base's numbers, where most steps would be rounded away
            weight.data = weight.data.float()
    model.eval()


def check(model: Any, targets: Sequence[str]) -> None:
    """Raises ValueError where PEFT is not installed, or no layer has such a name."""
    if find_spec("peft") is None:
        raise ValueError(f"[lora] needs PEFT: {INSTALL}")
    if "all-linear" not in targets and (unknown := [name for name in targets if not _named(model, name)]):
        raise ValueError(
            f"lora.targets: no linear layer of the model is called {unknown[0]}; there are {_linear(model)}"
        )


def load(model: Any, folder: Path) -> None:
    """Take over an adapter's folder. Raises ValueError where it is not one for this model."""
    from peft.utils import set_peft_model_state_dict
    from safetensors.torch import load_file

    saved = {name.removeprefix("base_model.model."): weight for name, weight in load_file(folder / WEIGHTS).items()}
    mine = adapter_weights(model)
    if wrong := sorted(mine.keys() ^ saved.keys()):
        raise ValueError(f"{folder}: an adapter of another model or other targets; first {', '.join(wrong[:3])}")
    if wrong := sorted(name for name, weight in mine.items() if weight.shape != saved[name].shape):
        raise ValueError(f"{folder}: an adapter of another rank or model; first {', '.join(wrong[:3])}")
    set_peft_model_state_dict(model, saved, adapter_name=_NAME)


def adapter_weights(model: Any) -> Mapping[str, Tensor]:
    from peft.utils import get_peft_model_state_dict

    found: Mapping[str, Tensor] = get_peft_model_state_dict(model, adapter_name=_NAME)
    return found


def merged(model: Any) -> dict[str, Tensor]:
    """The weights of the model that it and its adapter make together, under the names that it has without one; in
    float32, for most of what an adapter adds is smaller than the distance between two numbers in bfloat16."""
    layers = {name: module for name, module in model.named_modules() if hasattr(module, "lora_A")}
    out: dict[str, Tensor] = {}
    for name, weight in _unpacked(model).items():
        if ".lora_" in name:
            continue
        owner, base, rest = name.partition(".base_layer.")
        if base and rest == "weight":
            weight = weight.float() + increment(layers[owner])
        weight = weight.detach()
        out[f"{owner}.{rest}" if base else name] = weight.float() if weight.is_floating_point() else weight
    return out


def _unpacked(model: Any) -> dict[str, Tensor]:
    """The model's weights by name, those of 4 bits as the numbers that they stand for."""
    state: dict[str, Tensor] = model.state_dict()
    packed = {n: p for n, p in model.named_parameters() if getattr(p, "quant_state", None) is not None}
    if packed:
        from bitsandbytes.functional import dequantize_4bit

        about = tuple(f"{name}." for name in packed)  # how bitsandbytes has packed them
        state = {name: weight for name, weight in state.items() if not name.startswith(about)}
        state |= {name: dequantize_4bit(p.data, p.quant_state) for name, p in packed.items()}
    return state


@contextmanager
def forgotten(model: Any) -> Iterator[None]:
    """So that transformers saves weights that are given as those of an ordinary model, with neither an adapter nor
    4-bit weights."""
    config, mine = model.config, vars(model)
    kept = {name: mine[name] for name in ("hf_quantizer", "is_quantized") if name in mine}
    packed = config.__dict__.pop("quantization_config", None)
    mine.update(dict.fromkeys(kept), _hf_peft_config_loaded=False)
    try:
        yield
    finally:
        mine.update(kept, _hf_peft_config_loaded=True)
        if packed is not None:
            config.quantization_config = packed


def increment(layer: Any) -> Tensor:
    """What the adapter adds to a linear layer's weight, [out, in]."""
    product: Tensor = layer.lora_B[_NAME].weight @ layer.lora_A[_NAME].weight
    return product * layer.scaling[_NAME]


def _named(model: nn.Module, target: str) -> bool:
    return any(
        isinstance(module, nn.Linear) and (name == target or name.endswith(f".{target}"))
        for name, module in model.named_modules()
    )


def _linear(model: Any) -> str:
    head = model.get_output_embeddings()
    modules = model.named_modules()
    return ", ".join(sorted({n.rpartition(".")[2] for n, m in modules if isinstance(m, nn.Linear) and m is not head}))
