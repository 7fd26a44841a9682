"""`redone chat`: a conversation with any stage's model, or any other, a message a line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redone.cli.options import frozen, positive

if TYPE_CHECKING:
    from redone.records import Text
    from redone.sample.protocol import Asks

QUIT = "/quit"


@dataclass(frozen=True)
class Options:
    model: str
    stage: str | None = None
    system: str = ""
    temperature: float = 0.0  # greedy
    seed: int = 0
    tokens: int = 256  # of an answer
    think: bool = False
    device: str = "auto"


def add(commands: Any) -> None:
    chat = commands.add_parser("chat", help="talk with a model: a message a line, from the terminal or a pipe")
    chat.add_argument("model", metavar="MODEL", help="a run (its last model), a folder of a model, or a hub id")
    chat.add_argument("--stage", help='of a run: the model of this stage; "base": the one that it began with')
    chat.add_argument("--system", default="", metavar="TEXT", help="system prompt")
    chat.add_argument("--temperature", type=float, default=0.0, help="of sampling (default: 0, the likeliest tokens)")
    chat.add_argument("--seed", type=int, default=0, help="of sampling")
    chat.add_argument("--tokens", type=positive, default=256, metavar="N", help="of an answer at most (default: 256)")
    chat.add_argument("--think", action="store_true", help="let it think before it answers")
    chat.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    chat.set_defaults(command=command)


def command(namespace: argparse.Namespace) -> int:
    options = frozen(Options, namespace)
    if not 0 <= options.temperature < float("inf"):
        raise ValueError(f"--temperature {options.temperature:g}: it is 0, for the likeliest tokens, or more")
    asker = loaded(options)
    at_terminal = sys.stdin.isatty()
    if at_terminal:
        print(f"A message a line; {QUIT} ends.")
    for said in talk(asker, lines(at_terminal), options.system, options.tokens, options.think):
        print(said, flush=True)
    return 0


def lines(at_terminal: bool) -> Iterator[str]:
    """What a person says; a prompt is shown where one sits there."""
    while True:
        if at_terminal:
            print("> ", end="", flush=True)
        if not (line := sys.stdin.readline()):
            return
        yield line


def talk(asker: Asks, messages: Iterable[str], system: str, tokens: int, think: bool = False) -> Iterator[str]:
    """The answer to each message, with all that was said before in the prompt, and remarks in brackets. Messages of
    space alone are passed over. think: the model thinks first; of what was said before its answers alone are kept."""
    from redone.records import Prompt
    from redone.texts import visible
    from redone.thinking import split_thinking

    turns = [{"role": "system", "content": system}] if system.strip() else []
    for number, line in enumerate(messages):
        message = line.strip()
        if message == QUIT:
            return
        if not message:
            continue
        asked = [*turns, {"role": "user", "content": message}]
        [text] = [one for some in asker.ask([Prompt(str(number), asked, tokens, think)]) for one in some]
        yield visible(text.text.strip())
        yield from remarks(text, tokens)
        answer = (split_thinking(text.text)[1] or "").strip()
        if answer:  # an empty turn is none, as in a conversation that is taught
            turns = [*asked, {"role": "assistant", "content": answer}]


def remarks(text: Text, tokens: int) -> Iterator[str]:
    if not text.text.strip():
        yield "[it said nothing; this message is forgotten]"
    if not text.finished:
        yield f"[cut off after {tokens:,} tokens; --tokens gives more]"
    if text.cut:
        yield f"[the first {text.cut:,} tokens of the conversation no longer fit and were left out]"


def loaded(options: Options) -> Asks:
    """Raises ValueError where there is no such run, stage or model."""
    import torch

    from redone import cores
    from redone.commands.base import reader_of
    from redone.data.mix import derive_seed
    from redone.model.places import load, loading
    from redone.model.precision import settle
    from redone.run.stages import model_place
    from redone.sample.local import make_sampler

    name = stage_of(options.model, options.stage) if options.stage else options.model
    place = model_place(name)
    encoder = reader_of(name, place.folder, 0).encoder
    machine = settle(options.device, "auto")
    torch.set_num_threads(cores.threads())
    with loading(name):
        policy = load(place, "bfloat16" if machine.dtype == "mixed" else machine.dtype, machine.device)
    for note in encoder.notes(options.think):
        print(note, file=sys.stderr)
    seed = derive_seed(options.seed, "chat")
    return make_sampler(policy, encoder, group=1, temperature=options.temperature, seeds=lambda version: seed)


def stage_of(run: str, stage: str) -> str:
    """What names the model of a run's stage. Raises ValueError where there is no such run, or stage of it."""
    from redone.mistakes import nearest
    from redone.run.stages import BASE, base_of, stages_in

    folder = Path(run).expanduser()
    if not (folder / "manifest.json").is_file():
        raise ValueError(f"--stage {stage}: {run} is no run's folder; give one, such as runs/mine")
    if stage == BASE:
        return base_of(folder)
    names = [one.name for one in stages_in(folder)]
    if stage not in names:
        there = ", ".join([BASE, *names])
        raise ValueError(f"--stage {stage}: the run has no such stage{nearest(stage, names)}; there are {there}")
    return str(folder / stage)
