"""Who is asked: a model in this process, or one that is served elsewhere."""

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from redone.data.mix import derive_seed
from redone.measure.ask import Answerer, Key, Unit
from redone.records import Prompt, Text
from redone.sample.protocol import Asks
from redone.served.client import Service
from redone.served.endpoint import Endpoint

if TYPE_CHECKING:
    from redone.data.encode import Encoder
    from redone.model.policy import Policy

_WORK = 2**42  # parameters times tokens of a unit: minutes


def local(
    load: "Callable[[], tuple[Policy, Encoder]]", *, samples: int, temperature: float, seed: int, rows: int
) -> Answerer:
    """A model in this process, loaded when something is missing, and kept as long as the answerer is.

    rows: most answers decoded at once. Of prompts with choices the likeliest is the answer. The first unit has the seed
    itself; a small model's whole ask is one.
    """
    loaded = cache(load)

    def unit() -> Unit:
        policy, _ = loaded()
        return Unit(4 * rows, _WORK // policy.num_parameters)

    def make(number: int, there: Collection[Key]) -> Asks:
        from redone.sample.choosing import Chooser
        from redone.sample.local import make_sampler

        mine = derive_seed(seed, "unit", number) if number else seed
        sampler = make_sampler(*loaded(), group=samples, temperature=temperature, seeds=lambda version: mine, rows=rows)
        return _ByKind(sampler, Chooser(*loaded()))

    return Answerer(samples, make, unit)


class _ByKind:
    """Prompts with choices to one, the others to the other."""

    def __init__(self, generates: Asks, chooses: Asks) -> None:
        self.generates, self.chooses = generates, chooses

    def ask(self, prompts: Sequence[Prompt]) -> Iterator[list[Text]]:
        for asks, mine in (
            (self.generates, [prompt for prompt in prompts if not prompt.choices]),
            (self.chooses, [prompt for prompt in prompts if prompt.choices]),
        ):
            if mine:
                yield from asks.ask(mine)


def served(
    service: Service,
    *,
    samples: int,
    temperature: float,
    seed: int,
    say: Callable[[str], None],
    kept: Path | None = None,
    words: bool = False,
) -> Answerer:
    """A model that is served elsewhere; `say` is told of outages. kept, words: as an Endpoint's."""

    def make(number: int, there: Collection[Key]) -> Asks:
        return Endpoint(service, samples, temperature, seed, say, frozenset(there), kept, words)

    return Answerer(samples, make)
