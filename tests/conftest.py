"""What tests of several folders need: tokenizers and a model that are made on the spot, a run over a small pack, and
the folder of a run that came to its end."""

import fcntl
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import redone

# The embedded base model's: a thinking task's prompt ends with the opening tag.
CHAT_TEMPLATE = (Path(redone.__file__).parent / "world" / "base" / "chat_template.jinja").read_text(encoding="utf-8")

PACK = """
[tasks.size]
part = "domain"
family = "content understanding"
prompt = "{n} big ?"
answer = "{size}"
reward = "exact"
budget = 4
files = {train = "size.train.jsonl", probe = "size.probe.jsonl", eval = "size.eval.jsonl"}

[tasks.german]
part = "domain"
family = "translation"
prompt = "{n} in german ?"
answer = "{word}"
reward = "chrf"
pass_at = 0.5
budget = 8
files = {train = "german.train.jsonl", probe = "german.probe.jsonl", eval = "german.eval.jsonl"}

[tasks.next]
part = "general"
family = "mathematics"
prompt = "after {n} ?"
answer = "{after}"
reward = "exact"
options = {kind = "number"}
think = true
rationale = "{n}+1"
budget = 31
files = {train = "next.train.jsonl", probe = "next.probe.jsonl", eval = "next.eval.jsonl"}
"""

CONFIG = """
name = "tiny"
threads = 1
tokens_per_pass = 512

[data]
packs = ["pack.toml"]

[explore]
steps = 3
prompts = 4
group = 4
updates = 2
warmup = 1
learning_rate = 1e-3
save_every = 1

[diagnose]
samples = 2
records = 4

[target]
records = 12
batch = 4
epochs = 2
candidates = 2
learning_rate = 1e-3
save_every = 1

[refine]
steps = 3
prompts = 4
group = 4
updates = 2
warmup = 1
learning_rate = 1e-3
difficulty_samples = 2
difficulty_records = 4
save_every = 1

[eval]
rows = 16
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--values", type=int, default=60, help="random values of each kind that property tests draw")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """What a test changed for its process holds for none after it: with more threads than cores all wait for one
    another."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="module")
def without_report() -> Iterator[None]:
    """Runs that write no report, which takes a third of a small one; for tests that read none."""
    from redone.method import pipeline

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "write_report", lambda *given: None)
        yield


@pytest.fixture(scope="session")
def make_tokenizer() -> Callable[..., Any]:
    """A function that makes a byte-level tokenizer, with the embedded base model's chat template or the given one."""
    from tiny import bytes_tokenizer

    def make(template: str | None = CHAT_TEMPLATE, end: str = "<|end|>", special: tuple[str, ...] = ()) -> Any:
        return bytes_tokenizer(template, end, special)

    return make


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory, make_tokenizer: Callable[..., Any]) -> Path:
    """A Hugging Face folder: a Qwen3 of two layers and random weights, with its tokenizer. Not to be written to."""
    import torch
    from transformers import GenerationConfig, Qwen3Config, Qwen3ForCausalLM

    folder = tmp_path_factory.mktemp("models") / "tiny"
    tokenizer = make_tokenizer()
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = Qwen3ForCausalLM(
            Qwen3Config(
                vocab_size=len(tokenizer),
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                head_dim=8,
                max_position_embeddings=256,
                tie_word_embeddings=True,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    GenerationConfig(**ends).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The folder of SmolLM2-135M-Instruct that `make smollm2` leaves."""
    from redone.model import gguf

    folder = gguf.cache() / "SmolLM2-135M-Instruct"
    if not (folder / gguf.ORIGIN).is_file():
        pytest.skip(f"no SmolLM2 in {gguf.cache()}: make smollm2")
    return folder


@pytest.fixture
def tiny_run(tmp_path: Path, tiny_model: Path) -> Path:
    """A configuration of a whole run, seconds long, over pack.toml and its JSON Lines files beside it: a task outside
    the translation family, one inside, and a general one that thinks."""
    return write_tiny_run(tmp_path, str(tiny_model))


def write_tiny_run(folder: Path, model: str) -> Path:
    words = ["null", "eins", "zwei", "drei", "vier", "acht", "neun", "zehn"]
    for place, (split, count) in enumerate((("train", 12), ("probe", 4), ("eval", 4))):
        numbers = range(100 * (place + 1), 100 * (place + 1) + count)
        rows: dict[str, list[dict[str, Any]]] = {
            "size": [{"n": n, "size": "yes" if n % 2 else "no"} for n in numbers],
            "german": [{"n": n, "word": words[n % len(words)]} for n in numbers],
            "next": [{"n": n, "after": n + 1} for n in numbers],
        }
        for task, mine in rows.items():
            text = "".join(json.dumps(row) + "\n" for row in mine)
            (folder / f"{task}.{split}.jsonl").write_text(text, encoding="utf-8")
    (folder / "pack.toml").write_text(PACK, encoding="utf-8")
    path = folder / "run.toml"
    path.write_text(f"{CONFIG}\n[model]\npath = {json.dumps(model)}\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one `fakes.small_run` that came to its end, made once for all workers. Copy it to change it."""
    from fakes import small_run

    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root  # workers have folders of their own in it
    folder, whole = root / "finished", root / "finished.whole"
    with (root / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            results, lines = small_run(folder)
            assert results is not None, lines
            whole.touch()
    return folder


@pytest.fixture(scope="session")
def punkt() -> bool:
    """Whether NLTK finds its data punkt_tab."""
    from verdicts import punkt

    return punkt()
