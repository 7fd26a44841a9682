"""How much memory a step takes, found out without taking it: the step's own code runs on tensors that have shapes and
no contents, and every byte that would live is counted, temporaries and gradients too.
"""

import logging
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.weak import WeakIdKeyDictionary

from redone.model import trial
from redone.model.adapter import attach
from redone.model.attention import Prefill
from redone.model.places import config_of, loading
from redone.model.policy import Policy, loader
from redone.model.trees import Tokens, pack, split_by_tokens
from redone.sample.asking import kept
from redone.sample.local import ROWS
from redone.sample.protocol import Request

Tree = tuple[Tokens, Sequence[Tokens]]
Adapter = Mapping[str, Any]  # rank, alpha and targets
_GROUPED = torch.ops.aten._grouped_mm.default
_DRAWN = 16  # bytes that drawing a token takes for each number of its logits: they, shares, and their sum in float64


logging.getLogger("torch._subclasses.fake_tensor").setLevel(logging.CRITICAL)  # what cannot be counted is an error


class Weights(NamedTuple):
    """Bytes that are there throughout."""

    weights: int
    moments: int  # of AdamW
    gradients: int


class Meter(TorchDispatchMode):
    """live: bytes of the tensors that were made in here and are still there; most: the most there were."""

    def __init__(self, before: Iterable[Tensor]) -> None:
        """before: what is there already, and does not count."""
        super().__init__()
        self.live = self.most = 0
        self.seen = WeakIdKeyDictionary({tensor.untyped_storage(): 0 for tensor in before})

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        make = _grouped if function is _GROUPED and isinstance(args[0], FakeTensor) else function
        made = make(*args, **(kwargs or {}))
        tree_map_only(Tensor, self._count, made)
        return made

    def _count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage not in self.seen:
            self.seen[storage] = size = storage.nbytes()
            self.live += size
            self.most = max(self.most, self.live)
            weakref.finalize(storage, self._forget, size)

    def _forget(self, size: int) -> None:
        self.live -= size


def _grouped(a: Tensor, b: Tensor, offsets: Tensor | None = None, *_: Any, **__: Any) -> Tensor:
    """What the product of experts looks like, which torch says of bfloat16 alone."""
    if a.ndim == b.ndim == 2 and offsets is not None:
        return a.new_empty(len(offsets), a.shape[0], b.shape[1])
    few = a if a.ndim == 2 or b.ndim == 3 else a[0]
    return few.new_empty(*few.shape[:-1], b.shape[-1])


class Imagined:
    """A model without contents, as a run would load it: the path is the run's own."""

    def __init__(self, policy: Policy, fake: FakeTensorMode) -> None:
        self.policy, self.fake = policy, fake

    @property
    def held(self) -> Weights:
        trained = sum(p.numel() for p in self.policy.trainable().values())
        return Weights(sum(p.nbytes for p in self.policy.model.parameters()), 8 * trained, 4 * trained)

    def _meter(self) -> Meter:
        return Meter([*self.policy.model.parameters(), *self.policy.model.buffers()])

    def updating(self, trees: Sequence[Tree], tokens: int) -> dict[str, int]:
        """Of the largest pass of an update over the trees, of so many tokens at most."""
        part = split_by_tokens(trees, tokens, repeated=not self.policy.packed)[0]
        batch = pack([trees[i] for i in part])
        with self.fake, self._meter() as meter:
            logprobs, _ = self.policy.token_logprobs(batch)
            logprobs.sum().backward()
            for weight in self.policy.trainable().values():
                weight.grad = None
        return {"gradients": self.held.gradients, "activations": meter.most - self.held.gradients}

    def answering(self, lengths: Sequence[tuple[int, int]], group: int, rows: int) -> dict[str, int]:
        """Of sampling `group` answers to each of some prompts at once, of these lengths at most: what the weights are
        copied to, keys and values, and what reading the prompts or drawing tokens takes besides."""
        copied, read = self._read([[0] * prompt for prompt, _ in lengths])
        requests = [Request(n, (0,) * prompt, answer) for n, (prompt, answer) in enumerate(lengths)]
        cached = kept(requests, group, 1 if self.policy.packed else group) * self.policy.bytes_per_token
        drawn = min(ROWS, len(lengths) * group) * self.policy.vocabulary * _DRAWN
        return {"copies": copied, "keys and values": cached, "activations": max(read, drawn)}

    def _read(self, prompts: Sequence[Tokens]) -> tuple[int, int]:
        """Bytes of what a sampler copies the weights to, and most that reading the prompts takes beside them."""
        batch = pack([(prompt, ()) for prompt in prompts])
        ends = torch.tensor([len(prompt) for prompt in prompts]).cumsum(0) - 1
        with self.fake, torch.no_grad(), self._meter() as meter:
            weights = self.policy.packed_weights() if self.policy.packed else self.policy.copies()
            copied = meter.live
            if self.policy.packed:
                self.policy.packed_hidden(batch.input_ids, batch.position_ids, Prefill(batch.layout), ends, weights)
        return copied, meter.most - copied


@contextmanager
def imagined(
    folder: str | Path,
    dtype: str,
    context: int,
    cuda: bool = False,
    adapter: Adapter | None = None,
    again: bool = False,
    trust: bool = False,
) -> Iterator[Imagined]:
    """Of a model's config.json alone: nothing is loaded, so that a model larger than the machine can be asked about.
    cuda: as it runs there. again: with `model.recompute`. trust: run code that the folder brings."""
    with loading(str(folder)), torch.device("meta"):
        config = config_of(folder, trust)
        model = loader(config).from_config(config, dtype=torch.float32, trust_remote_code=trust)
        if adapter is not None:
            attach(model, **adapter, seed=0, base="")
    with FakeTensorMode(allow_non_fake_inputs=True) as fake:
        _take_contents(model)
    policy = Policy(model, context, trial.Path())
    path = trial.foreseen(policy)
    with fake:
        policy.take(path._replace(by_hand=path.by_hand and not cuda and (adapter is None or dtype == "float32")))
        policy.compute_in("bfloat16" if dtype == "4bit" else dtype)
        policy.recompute = again
    yield Imagined(policy, fake)


def _take_contents(model: nn.Module) -> None:
    """Put tensors that pretend to lie on the CPU in place of the model's own; those that are tied stay one."""
    made: dict[int, Tensor] = {}
    for module in model.modules():
        for kind in (module._parameters, module._buffers):
            for name, tensor in kind.items():
                if tensor is None:
                    continue
                if id(tensor) not in made:
                    empty = torch.empty(tensor.shape, dtype=tensor.dtype)
                    is_weight = isinstance(tensor, nn.Parameter)
                    made[id(tensor)] = nn.Parameter(empty, tensor.requires_grad) if is_weight else empty
                kind[name] = made[id(tensor)]  # type: ignore[assignment]
