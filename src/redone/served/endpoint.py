"""A model that is served elsewhere: texts for prompts, asked for at an OpenAI-compatible endpoint."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from redone.data.mix import derive_seed
from redone.records import Prompt, Text
from redone.served.client import Line, Service


@dataclass(frozen=True)
class Endpoint:
    """Asks a service for `samples` answers to every prompt, each by a request of its own and, where they are several,
    with a seed of its own, which an endpoint may ignore.

    say: told of every outage once, from any thread. there: (key, sample) of answers that are not asked for.
    """

    service: Service
    samples: int
    temperature: float
    seed: int
    say: Callable[[str], None]
    there: Collection[tuple[str, int]] = ()

    def ask(self, prompts: Sequence[Prompt]) -> Iterator[list[Text]]:
        """The answers one by one, in any order; an empty list twice a second where none comes.

        Raises client.Down where the endpoint lets nothing through for about ten seconds, and ValueError where it
        refuses a prompt. What is in flight when the caller stops is forgotten.
        """
        wanted = [(one, n) for one in prompts for n in range(self.samples) if (one.key, n) not in self.there]
        if not wanted:
            return
        line = Line(self.service, "the endpoint", self.say)
        for arrived in line.each(lambda one: self._text(line, *one), wanted):
            yield [] if arrived is None else [arrived[1]]

    def _text(self, line: Line, prompt: Prompt, n: int) -> Text:
        several = self.samples > 1
        seed = {"seed": derive_seed(self.seed, "answer", prompt.key, n) % 2**31} if several else {}
        choice = line.complete(
            f", asked for {prompt.key}{f', sample {n}' if several else ''},",
            messages=[dict(message) for message in prompt.messages],
            max_tokens=prompt.budget,
            temperature=self.temperature,
            **seed,
        )
        message = choice.message
        thinking = getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None) or ""
        finished = choice.finish_reason != "length"
        return Text(prompt.key, n, message.content or "", finished, thinking=thinking)
