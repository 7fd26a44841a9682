"""The trial of a model when it is loaded: the fastest path of a policy that is right for it, and why no faster one is.

Right is what the plainest loop gives: one text at a time, nothing shared, padded or kept from token to token. Held
against it are log-probabilities, a gradient, and several steps of decoding, on a *twin*: the same class by the same
configuration in float32, with random weights, few layers of every kind and a small vocabulary. Arithmetic shows there
as well as in the model. Lengths of the configuration that the run's texts outgrow (a window, the context before it was
stretched) are shorter in the twin, so that short texts outgrow them too. Of the model itself two short trees are
compared.
"""

import copy
import inspect
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from huggingface_hub.errors import StrictDataclassError
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, PreTrainedConfig

from redone.model import llama
from redone.model.attention import DecodeState, Prefill, UnsupportedAttention
from redone.model.trees import Tokens, pack

if TYPE_CHECKING:
    from redone.model.policy import Policy


class Path(NamedTuple):
    by_hand: bool = False  # `model.llama` runs the layers
    packed: bool = False  # every prompt is computed once
    pads: bool = True  # where it is not packed: texts of different lengths are computed side by side


PATHS = (Path(True, True), Path(False, True), Path(), Path(pads=False))  # the fastest first

_AGREE = 1e-4  # largest gap of a log-probability in float32
_OWN = 5e-4  # between a model's own decoding and scoring: recurrent layers add up roundings, 1e-4; the wrong ones 1e-3
_ROUNDED = 0.15  # largest mean gap where the model itself is rounded to fewer bits
_SLOPE = 1e-3  # largest gap of a gradient, of its length
_TEXT, _LIMIT, _ANSWER = 96, 32, 8  # tokens of the twin's longest text, of limits that texts outgrow, of an answer
_VOCABULARY, _WIDTH = 128, 64
_LENGTHS = re.compile("window|position|chunk|length|topk|floor|block_size")
_KINDS = re.compile(
    "interval|period|offset|pattern|every|freq|first_k|num_dense_layers|decoder_sparse_step|indices|block_types"
)
_INNER = re.compile("intermediate_size|ffn_dim|ffn_hidden_size|n_inner")

# what a model's own code may raise, its configuration's included; the line that is shown says how it broke
BREAKS = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError),
    StrictDataclassError,
)


class NotServed(ValueError):
    """No way to run the model gives what the model itself gives."""


_Trees = list[tuple[list[int], list[list[int]]]]
_seen: dict[tuple[Any, ...], str] = {}  # what was off on a twin


def choose(policy: "Policy") -> tuple[Path, str]:
    """The path, and the line that says why it is not packed, or "". Raises ValueError where no path is right."""
    return _fastest(policy, _on_itself)


def foreseen(policy: "Policy") -> Path:
    """The path by the twin alone, so that the model's own weights may have no contents. Raises as `choose`."""
    return _fastest(policy, lambda policy, path: "")[0]


def _fastest(policy: "Policy", off: Callable[["Policy", Path], str]) -> tuple[Path, str]:
    """What `choose` returns. off: what is off on a path of the model itself, or ""."""
    name, why = type(policy.model).__name__, {}
    for path in PATHS:
        if not path.by_hand or llama.fits(policy.model):
            why[path] = _on_twin(policy, path) or off(policy, path)
            if not why[path]:
                break
    else:
        raise NotServed(
            f"{name}: {why[path]}; no way to run it gives what the model itself gives, so it is not served. If it is "
            "right on shorter texts, a lower model.max_context is; otherwise take another model"
        )
    if path.packed:
        return path, ""
    said = f"{name}: prompts are repeated for every answer (slower, same result), because {why[PATHS[1]]}"
    return path, said if path.pads else f"{said}; texts of different lengths are run apart, because {why[Path()]}"


def _on_twin(policy: "Policy", path: Path) -> str:
    """What is off on this path of a twin, or ""."""
    model = policy.model
    key = (type(model), model.config.to_json_string(), policy.context, model.device, path)
    if key not in _seen:
        try:
            twin = _twin(model, policy.context)
            mine = type(policy)(twin, policy.context, path) if twin is not None else _itself(policy, path)
            _seen[key] = _off(mine, slopes=twin is not None)
        except UnsupportedAttention as error:
            window = getattr(model.config.get_text_config(), "sliding_window", None)
            outgrown = window and (policy.context is None or window < policy.context)
            texts = f"its attention reaches back {window} tokens and texts may have {policy.context or 'more'}"
            _seen[key] = texts if outgrown else str(error)
        except BREAKS as error:
            how = f"({type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''})"
            _seen[key] = f"prefix-tree attention fails in it {how}" if path.packed else f"it breaks {how}"
    return _seen[key]


def _itself(policy: "Policy", path: Path) -> "Policy":
    """The policy on another path."""
    mine = copy.copy(policy)
    mine.take(path)
    return mine


def _on_itself(policy: "Policy", path: Path) -> str:
    """What is off on this path between log-probabilities of two short trees and those of repeated prompts, or ""."""
    if not path.packed:
        return ""
    parameters = inspect.signature(policy.model.base_model.forward).parameters.values()
    if policy.model.base_model is policy.model or not any(p.kind is p.VAR_KEYWORD for p in parameters):
        return "the model does not pass keywords on to its attention"
    random = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, policy.vocabulary, (40,), generator=random).tolist()
    trees = [(tokens[:9], [tokens[9:14], tokens[14:17]]), (tokens[17:23], [tokens[23:24], tokens[24:31]])]
    batch = pack(trees, policy.device)
    with torch.no_grad():
        policy.take(path)
        try:
            found, _ = policy.token_logprobs(batch, packed=True)
        except UnsupportedAttention as error:
            return str(error)
        except BREAKS as error:
            return f"prefix-tree attention fails in it ({type(error).__name__}: {error})"
        expected, _ = policy.token_logprobs(batch, packed=False)
    quantized = getattr(policy.model, "is_quantized", False)
    rounded = policy.narrow or policy.model.dtype != torch.float32 or quantized
    gaps = (expected - found).abs()
    gap = float(gaps.mean() if rounded else gaps.max())
    return "" if gap <= (_ROUNDED if rounded else _AGREE) else f"prefix-tree attention is off by {gap:.2g} on it"


@torch.enable_grad()  # type: ignore[untyped-decorator]
def _off(policy: "Policy", slopes: bool) -> str:
    """What is off between the policy's path and the plainest loop, or "". slopes: compare gradients too."""
    trees = _trees(policy)
    pairs = [(prompt, answer) for prompt, answers in trees for answer in answers]
    expected = torch.cat([_plain(policy, *pair) for pair in pairs])
    found, _ = policy.token_logprobs(pack(trees, policy.device))
    kind = "prefix-tree attention is" if policy.packed else "padded texts are" if policy.pads else "single texts are"
    if not (gap := float((found - expected).detach().abs().max())) <= _AGREE:  # also when it is nan
        return f"{kind} off by {gap:.2g} in log-probabilities"
    if slopes and not (gap := _gradients_apart(policy, found, expected)) <= _SLOPE:
        return f"{kind} off by {gap:.0%} in gradients"
    with torch.no_grad():
        gaps = [_decoded(policy, *tree) for tree in trees] if policy.packed else list(_generated(policy, trees))
    if not (gap := float(torch.tensor(gaps).max())) <= (_AGREE if policy.packed else _OWN):
        return f"{kind} off by {gap:.2g} in decoding"
    return ""


def _trees(policy: "Policy") -> _Trees:
    """Prompts short, up to where the twin's limits are crossed, and as long as its texts may be; two answers each."""
    longest = min(policy.context or _TEXT, _TEXT)
    answer = min(_ANSWER, longest // 2)
    random = torch.Generator().manual_seed(0)

    def tokens(count: int) -> list[int]:
        return torch.randint(0, policy.vocabulary - 1, (count,), generator=random).tolist()

    lengths = sorted({min(prompt, longest - answer) for prompt in (5, _LIMIT - 3, _TEXT)})
    return [(tokens(length), [tokens(answer), tokens(answer)]) for length in lengths]


def _plain(policy: "Policy", prompt: Tokens, answer: Tokens) -> Tensor:
    """Log-probabilities of the answer by the model's own forward, with nothing but the text."""
    ids = torch.tensor([[*prompt, *answer]], device=policy.device)
    logits = policy.model(input_ids=ids, use_cache=False).logits[0, len(prompt) - 1 : -1].float()
    return logits.log_softmax(-1).gather(1, ids[0, len(prompt) :, None])[:, 0]


def _gradients_apart(policy: "Policy", found: Tensor, expected: Tensor) -> float:
    """Of a weighted sum of log-probabilities: the length of the difference, of that of the expected gradient."""
    weights = list(policy.trainable().values())
    signs = torch.linspace(-1, 1, len(found), device=found.device)
    mine, theirs = (torch.autograd.grad((signs * x).sum(), weights, allow_unused=True) for x in (found, expected))
    pairs = [(a, b) for a, b in zip(mine, theirs) if a is not None or b is not None]
    apart = sum(float(((0 if a is None else a) - (0 if b is None else b)).square().sum()) for a, b in pairs)  # type: ignore[union-attr]
    return float((apart / sum(float(b.square().sum()) for _, b in pairs if b is not None)) ** 0.5)


def _decoded(policy: "Policy", prompt: list[int], answers: list[list[int]]) -> float:
    """Largest gap of the answers' log-probabilities, all but their first tokens', fed to prefix-tree decoding."""
    batch = pack([(prompt, ())], policy.device)
    prefill = Prefill(batch.layout)
    policy.packed_hidden(batch.input_ids, batch.position_ids, prefill)
    count, device = len(answers), policy.device
    kept = {layer: [x.transpose(0, 1)[None] for x in pair] for layer, pair in prefill.kept.items()}  # [1, Hkv, Lp, D]
    own = {n: [x.new_zeros(1, x.shape[1], count, _ANSWER, x.shape[3]) for x in pair] for n, pair in kept.items()}
    tokens, rows = torch.tensor(answers, device=device), torch.arange(count, device=device)
    expected = torch.stack([_plain(policy, prompt, answer) for answer in answers], 1)
    gaps = []
    for place in range(len(answers[0]) - 1):
        longest = len(prompt) + place + 1
        hidden = torch.zeros(1, 1, count, 1, longest, dtype=torch.bool, device=device)
        state = DecodeState(kept, own, rows * 0, rows, rows * 0 + place, hidden, longest)  # type: ignore[arg-type]
        here = torch.full((1, count), longest - 1, device=device)
        logits = policy.next_logits(policy.packed_hidden(tokens[None, :, place], here, state))
        found = logits.log_softmax(-1).gather(1, tokens[:, place + 1, None])[:, 0]
        gaps.append((found - expected[place + 1]).abs().max())
    return float(torch.stack(gaps).max()) if gaps else 0.0


def _generated(policy: "Policy", trees: _Trees) -> Iterator[float]:
    """Largest gap of the log-probabilities that `generate` picks by, of the prompts side by side or one by one; two
    answers to each, since a model may mix up what it remembers of them."""
    prompts = [prompt for prompt, _ in trees]
    for some in [prompts] if policy.pads else [[prompt] for prompt in prompts]:
        width = max(map(len, some))
        ids = torch.tensor([[0] * (width - len(prompt)) + prompt for prompt in some])
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in some])
        drawing: dict[str, Any] = {"do_sample": True, "top_k": 0, "top_p": 1.0, "num_return_sequences": 2}
        settings = GenerationConfig(max_new_tokens=len(trees[0][1][0]), pad_token_id=0, **drawing)
        watch = _Watch()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            out = policy.generate(ids, mask, settings, watch)[:, width:]
        found = torch.stack(watch.seen, 1).log_softmax(-1).gather(2, out[..., None])[..., 0]
        asked = [prompt for prompt in some for _ in range(2)]
        expected = torch.stack([_plain(policy, prompt, answer) for prompt, answer in zip(asked, out.tolist())])
        yield float((found - expected).abs().max())


class _Watch(LogitsProcessor):
    def __init__(self) -> None:
        self.seen: list[Tensor] = []

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        self.seen.append(scores.float())
        return scores


@torch.no_grad()
def strengthened(model: Any) -> Any:
    """The model, its random weights made so large that every token depends strongly on those before it, and no bias or
    scale is one that changes nothing."""
    for weight in model.parameters():
        if weight.ndim < 2:
            weight.add_(0.1 * torch.randn_like(weight))
        elif (spread := float(weight.std())) > 0:
            weight.mul_(weight.shape[-1] ** -0.5 / spread)
    return model


def _twin(model: Any, context: int | None) -> Any:
    """A small random model of the same class, in float32; None where none can be made."""
    for inner, whole in ((_WIDTH, False), (None, False), (_WIDTH, True)):  # sizes may follow from others, layers too
        config = copy.deepcopy(model.config)
        try:
            _cut(config, context, inner, whole)
            with torch.random.fork_rng(), torch.device(model.device):
                torch.manual_seed(0)
                twin = strengthened(type(model)(config).float().eval())
                with torch.no_grad():
                    twin(input_ids=torch.tensor([[1, 2, 3]]), use_cache=False)
            return twin
        except BREAKS:
            continue
    return None


def _cut(config: Any, context: int | None, inner: int | None, whole: bool) -> None:
    """Make a configuration small, in place, and those within it. inner: the width inside a layer; whole: all layers."""
    depth = getattr(config, "num_hidden_layers", None)
    kinds = {
        key: value for key, value in vars(config).items() if isinstance(value, (list, tuple)) and len(value) == depth
    }
    layers = [str(kind) for kind in zip(*kinds.values())]
    repeats = [value + 1 for key, value in vars(config).items() if isinstance(value, int) and _KINDS.search(key)]
    some = [value for key, value in vars(config).items() if isinstance(value, (list, tuple)) and _KINDS.search(key)]
    repeats += [min(value) + 1 if isinstance(value[0], int) else len(value) for value in some if value]
    kept = depth if whole else max([2, *repeats, *(layers.index(kind) + 1 for kind in set(layers))])
    for key, value in list(vars(config).items()):
        if isinstance(value, PreTrainedConfig):
            _cut(value, context, inner, whole)
        elif isinstance(value, dict):
            value.update({k: _LIMIT for k, v in value.items() if _outgrown(k, v, context)})
        elif key in kinds:
            setattr(config, key, value[:kept])
        elif isinstance(value, int) and not isinstance(value, bool):
            if "vocab" in key and value > _VOCABULARY:
                setattr(config, key, _VOCABULARY)
            elif key.endswith("token_id") and value >= _VOCABULARY:
                setattr(config, key, _VOCABULARY - 1)
            elif key == "depth":  # of what sees
                setattr(config, key, min(value, 2))
            elif inner and _INNER.search(key) and value > inner:
                setattr(config, key, inner)
            elif _outgrown(key, value, context):
                setattr(config, key, _LIMIT)
    if depth is not None:
        config.num_hidden_layers = min(depth, kept)


def _outgrown(key: str, value: Any, context: int | None) -> bool:
    """Whether this is a length beyond which a text may go, whose last token is read by nothing."""
    there = isinstance(value, int) and _LENGTHS.search(str(key)) and "layers" not in str(key)
    return bool(there) and value > _LIMIT and (context is None or value < context - 1)
