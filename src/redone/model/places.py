"""Where a model lies: a Hugging Face folder, a hub id, or a checkpoint over one of them."""

import hashlib
import pickle
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from redone.files import ends
from redone.model import gguf

if TYPE_CHECKING:
    from redone.model.policy import Policy

EMBEDDED = Path(__file__).parents[1] / "world" / "base"


class Place(NamedTuple):
    folder: Path  # config, tokenizer and weights; or a hub id
    checkpoint: Path | None = None  # of a stage that is not done, whose weights take their place
    adapter: Mapping[str, Any] | None = None  # rank, alpha and targets, where the checkpoint is an adapter's


def model_path(name: str) -> Path:
    """The folder of a base model, or its hub id; of a GGUF file the folder that it is converted to. Raises ValueError
    where a folder is named that is not there."""
    if name == "base":
        return EMBEDDED
    path = Path(name).expanduser()
    if path.suffix == ".gguf" and path.is_file():
        return gguf.folder_of(path)
    if path.is_dir():
        if (path / "adapter_config.json").is_file() and not (path / "config.json").is_file():
            raise ValueError(
                f"{name}: an adapter lies there and no model; give the `model` folder beside it, or merge it"
            )
        if not (path / "config.json").is_file():
            raise ValueError(f"{name}: no model lies there (config.json is missing)")
        return path
    if name.startswith((".", "/", "~")) or name.count("/") != 1 or path.exists():
        raise ValueError(f"{name}: there is no such model folder; give a Hugging Face folder or a hub id (owner/name)")
    return Path(name)


def weights_of(place: Place) -> str:
    """A fingerprint of the weights on disk: their files' names, sizes, and first and last mebibytes; "" of a hub id."""
    digest, found = hashlib.sha256(), False
    files = sorted(path for kind in ("*.safetensors", "*.bin") for path in place.folder.glob(kind))
    for path in [*files, *([place.checkpoint] if place.checkpoint else [])]:
        size, both = ends(path)
        digest.update(f"{path.name} {size}".encode() + both)
        found = True
    return digest.hexdigest()[:16] if found else ""


def not_finite(folder: Path) -> list[str]:
    """The names of weights with NaN or infinite numbers in the folder's safetensors files, of which one tensor at a
    time is read. Empty of a hub id."""
    from safetensors import safe_open

    found = []
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - it is no mapping
                tensor = file.get_tensor(name)
                wide = tensor.float() if tensor.itemsize < 2 else tensor  # of eight bits none can be asked
                if tensor.is_floating_point() and not bool(wide.isfinite().all()):
                    found.append(name)
    return found


def refuse_not_finite(model: str | Path, names: Sequence[str]) -> None:
    """Raises ValueError where there are names: of the model's weights with NaN or infinite numbers."""
    if names:
        raise ValueError(
            f"{model}: {len(names)} weights hold NaN or infinite numbers, first {', '.join(names[:3])}; the files are "
            "damaged, or training went wrong before they were saved"
        )


def other_files(folder: Path) -> dict[str, str]:
    """A fingerprint of each file of the folder, but for its weights and chat template, that says how it is read: its
    configuration and its tokenizer's. Empty of a hub id."""
    kinds = ("*.json", "*.model", "*.txt")
    files = sorted(path for kind in kinds for path in folder.glob(kind) if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in files}


@contextmanager
def loading(model: str) -> Iterator[None]:
    """Raises ValueError naming the model where its files are missing or broken."""
    try:
        yield
    except Exception as error:  # of any kind: what parsers and checks say of files that are not as they think
        if "trust_remote_code" in str(error) and "model.trust_remote_code" not in str(error):
            raise ValueError(
                f"{model}: it needs Python code that its folder brings, and that is not run; take a model that "
                "transformers knows, or read the code and set model.trust_remote_code = true"
            ) from None
        kind = "" if isinstance(error, (OSError, ValueError)) else f"{type(error).__name__}: "
        raise ValueError(f"{model}: no model could be loaded: {kind}{' '.join(str(error).split()):.300}") from None


def config_of(folder: str | Path, trust: bool = False) -> Any:
    """transformers' configuration of a model. trust: run code that the folder brings, or names.

    Raises ValueError where the folder names a kernel of the hub for its attention, which is code too.
    """
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder, trust_remote_code=trust)
    named = [str(getattr(one, "_attn_implementation", "")) for one in (config, config.get_text_config())]
    if kernels := [name for name in named if "/" in name and not trust]:
        raise ValueError(
            f"its config.json names {kernels[0]!r:.100}, code on the hub, for its attention; take _attn_implementation "
            "out, or read the code and set model.trust_remote_code = true"
        )
    return config


def load(place: Place, dtype: str = "float32", device: str = "cpu", trust: bool = False) -> "Policy":
    """The model as a policy. Raises ValueError where the checkpoint does not hold all trained weights of this model and
    no others, and what `Policy.load` raises of a broken folder. trust: run code that the folder brings."""
    import torch

    from redone.model.policy import Policy

    policy = Policy.load(place.folder, dtype, device, trust=trust)
    if place.checkpoint is not None:
        if place.adapter is not None:
            policy.attach(**place.adapter, seed=0, base=str(place.folder))
        try:
            saved = torch.load(place.checkpoint, weights_only=True, map_location="cpu", mmap=True)
            policy.load_weights(saved["model"])
        except (RuntimeError, ValueError, KeyError, EOFError, pickle.UnpicklingError) as error:
            raise ValueError(f"{place.checkpoint}: no checkpoint of {place.folder} ({error!s:.200})") from None
    return policy
