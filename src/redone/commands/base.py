"""The base model of a configuration: how it reads texts, and whether its files are what a run can train."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from redone.mistakes import gathered, refuse

if TYPE_CHECKING:
    from redone.config import RunConfig
    from redone.data.encode import Encoder


def check_numbers(config: RunConfig) -> None:
    """Raises ValueError where the weights would be kept in numbers too coarse for what they are to learn."""
    coarse = f'model.dtype = "{config.model.dtype}": '
    if config.model.dtype not in ("bfloat16", "4bit"):
        return
    if config.lora is None:
        raise ValueError(
            coarse + "steps at these learning rates are smaller than the distance between two such numbers, so that "
            'most weights would never move; set "mixed", or train an adapter beside them, [lora]'
        )
    if config.lora.each_stage:
        raise ValueError(
            coarse + "a stage would begin with what the adapter before it learnt rounded away, for most of it is "
            'smaller than the distance between two such numbers; set "mixed", or lora.each_stage = false'
        )


def check_model(config: RunConfig, folder: Path) -> None:
    """Raises ValueError where the configuration cannot be trained with the model as its files are: a folder lacks
    weights, or has others; no adapter can stand where it is to; its layers cannot be run again. Of weights names and
    shapes alone are read, and those of a hub id are not fetched for it."""
    import torch

    from redone.model import adapter
    from redone.model.places import config_of, loading
    from redone.model.policy import loader, refuse_misfits
    from redone.model.recompute import layers_of
    from redone.model.trial import BREAKS

    trust: Any = {"trust_remote_code": config.model.trust_remote_code}
    told: Any = {"output_loading_info": True, "ignore_mismatched_sizes": True, "device_map": "meta"}
    model = None
    with loading(config.model.path):
        size = config_of(folder, config.model.trust_remote_code)
        if folder.is_dir():
            try:
                made: Any = loader(size).from_pretrained(folder, dtype=torch.float32, **trust, **told)
            except BREAKS:  # what the model's own code makes of its weights may need their contents
                made = None, {}
            model, found = made
            if model is not None:
                refuse_misfits(folder, model, found)
        if model is None:
            with torch.device("meta"):
                model = loader(size).from_config(size, **trust)
    causes: list[str] = []
    if config.lora is not None:
        with gathered(causes):
            adapter.check(model, config.lora.targets)
    if config.recompute:
        with gathered(causes):
            layers_of(model)
    refuse(causes)


class Reader(NamedTuple):
    """How a model reads texts, and for how many tokens it has room: of what is asked for, and at all."""

    encoder: Encoder
    context: int
    own: int


def reader_for(config: RunConfig, name: str, folder: Path) -> Reader:
    """Raises ValueError where the configuration asks for more context than the model has, or `reader_of` does."""
    asked = config.model.max_context
    reader = reader_of(name, folder, asked, config.model.trust_remote_code)
    if asked > reader.own and "max_context" in config.model.model_fields_set:
        raise ValueError(
            f"model.max_context = {asked:,}, but {name} goes as far as {reader.own:,} tokens; set that, or less"
        )
    return reader


def reader_of(name: str, folder: Path, most: int, trust: bool = False) -> Reader:
    """most: tokens of context that are asked for. trust: run code that the folder brings. Raises ValueError naming
    the model where its files are missing or broken, or where its chat template or end token is not what it can be asked
    or taught with."""
    from redone.data.encode import Encoder, read_tokenizer
    from redone.model.places import config_of, loading
    from redone.run.log import quiet_transformers

    quiet_transformers()
    with loading(name):
        size = config_of(folder, trust).get_text_config()
        read = read_tokenizer(folder, trust)
    own = getattr(size, "max_position_embeddings", None) or most
    return Reader(Encoder(*read, size.vocab_size), min(most, own), own)
