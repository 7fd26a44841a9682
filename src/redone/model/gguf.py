"""A model in a GGUF file, as an ordinary Hugging Face folder in a cache: transformers reads the file, and everything
else reads folders."""

import hashlib
import json
import os
import shutil
import struct
from collections import Counter
from pathlib import Path
from typing import Any

from redone.files import ends, read_object

CACHE = "REDONE_MODELS"  # the environment variable that names the cache
ORIGIN = "origin.json"
INSTALL = "pip install 'redone[gguf]'"


def cache() -> Path:
    """Where converted models lie: the folder that REDONE_MODELS names, or else redone/models in the user's cache."""
    named = os.environ.get(CACHE)
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named).expanduser() if named else home / "redone" / "models"


def folder_of(path: Path) -> Path:
    """The folder in the cache that holds the file's model; made if it is not there."""
    size, both = ends(path)
    digest = hashlib.sha256(f"{size}".encode() + both).hexdigest()
    folder = cache() / f"{path.stem}-{digest[:12]}"
    if not (folder / ORIGIN).is_file():
        convert(path, folder)
    return folder


def convert(path: Path, folder: Path) -> None:
    """Make a Hugging Face folder of a GGUF file, in float32: model, tokenizer, and origin.json, which says what most of
    the weights were stored as. It appears whole or not at all.

    Raises ValueError naming the file where it is damaged, is of an architecture that transformers does not read, or
    lacks weights.
    """
    origin = {"file": path.name, "stored": stored_as(path)}
    part = folder.with_name(f"{folder.name}.part-{os.getpid()}")
    try:
        model, tokenizer = _read(path)
        model.save_pretrained(part)
        tokenizer.save_pretrained(part)
        (part / ORIGIN).write_text(json.dumps(origin, indent=1) + "\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def stored_as(path: Path) -> str:
    """The format of most of the file's weights, as GGUF names it: Q4_1 is about four bits a weight."""
    try:
        from gguf import GGUFReader
    except ImportError:
        raise ValueError(f"{path}: a GGUF file needs its reader: {INSTALL}") from None
    try:
        tensors = GGUFReader(path).tensors
        sizes: Counter[str] = Counter()
        for tensor in tensors:
            sizes[tensor.tensor_type.name] += int(tensor.n_elements)
        return sizes.most_common(1)[0][0]
    except (OSError, ValueError, KeyError, IndexError, struct.error) as error:
        raise ValueError(f"{path}: no whole GGUF file ({error!s:.200}); get it anew") from None


def note(folder: Path) -> str:
    """What a person should know of a converted model's weights, "" of any other folder."""
    if not (folder / ORIGIN).is_file():
        return ""
    origin = read_object(folder / ORIGIN)
    kind = origin["stored"]
    bits = f": {kind[1]} bits a weight, not those that were trained" if kind.startswith(("Q", "IQ")) else ""
    return f"The weights come from {origin['file']}, which stores them as {kind}{bits}."


def _read(path: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            path.parent, gguf_file=path.name, dtype="float32", output_loading_info=True, trust_remote_code=False
        )
        tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name, trust_remote_code=False)
    except Exception as error:  # the reader's own, of any kind: tokenizers raises plain ones
        raise ValueError(f"{path}: transformers does not read this GGUF file ({error!s:.300})") from None
    model, found = loaded
    if lacking := sorted(set(found["missing_keys"]) - set(model.all_tied_weights_keys)):
        raise ValueError(f"{path}: it lacks {len(lacking)} weights, first {', '.join(lacking[:3])}")
    del model.config.quantization_config  # or else it could not be saved: it is no longer what the file says
    model.hf_quantizer, model.is_quantized = None, False
    return model, tokenizer
