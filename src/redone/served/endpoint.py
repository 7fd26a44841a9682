"""A model that is served elsewhere: texts for prompts, asked for at an OpenAI-compatible endpoint."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from redone.data.chat import in_words
from redone.data.mix import derive_seed
from redone.records import Prompt, Text
from redone.served.client import Line, Refused, Service

_IN_A_ROW = 20  # prompts without a reply, before the first answer or with broken replies, that end the asking


@dataclass(frozen=True)
class Endpoint:
    """Asks a service for `samples` answers to every prompt, each by a request of its own and, where they are several,
    with a seed of its own, which an endpoint may ignore.

    say: told of every outage once, from any thread. there: (key, sample) of answers that are not asked for. kept: a
    file for what the model does not take of a request (client.Line). words: a prompt that thinks asks for it in words,
    as of a model in this process that has no switch; no template is known here.
    """

    service: Service
    samples: int
    temperature: float
    seed: int
    say: Callable[[str], None]
    there: Collection[tuple[str, int]] = ()
    kept: Path | None = None
    words: bool = False

    def ask(self, prompts: Sequence[Prompt]) -> Iterator[list[Text]]:
        """The answers one by one, in any order; an empty list twice a second where none comes.

        A prompt that the endpoint refuses, or to which its replies are broken, has a text that says so, given out once
        the endpoint has answered another. Raises ValueError where it answers none, or refuses for a reason that is not
        the prompt's, and client.Down where it lets nothing through for about ten seconds. What is in flight when the
        caller stops is forgotten.
        """
        wanted = [(one, n) for one in prompts for n in range(self.samples) if (one.key, n) not in self.there]
        if not wanted:
            return
        line = Line(self.service, "the endpoint", self.say, kept=self.kept)
        answered, held = bool(self.there), list[tuple[Text, Refused]]()
        for arrived in line.each(lambda one: self._text(line, *one), wanted):
            if arrived is None:
                yield []
                continue
            text, refused = arrived[1]
            if refused is None:
                yield [*(one for one, _ in held), text]
                answered, held = True, []
            elif answered and refused.kind != "broken reply":
                yield [text]
            else:
                held.append((text, refused))
                if len(held) == _IN_A_ROW:
                    raise held[0][1]
        if held and not answered:
            raise held[0][1]
        if held:
            yield [text for text, _ in held]

    def _text(self, line: Line, prompt: Prompt, n: int) -> tuple[Text, Refused | None]:
        """The answer; or what stands for it, and how it was refused."""
        several = self.samples > 1
        messages = in_words(prompt.messages) if self.words and prompt.think else prompt.messages
        seed = {"seed": derive_seed(self.seed, "answer", prompt.key, n) % 2**31} if several else {}
        try:
            found = line.complete(
                f", asked for {prompt.key}{f', sample {n}' if several else ''},",
                messages=[dict(message) for message in messages],
                max_tokens=prompt.budget,
                temperature=self.temperature,
                **seed,
            )
        except Refused as refused:
            return Text(prompt.key, n, "", True, missing=refused.kind, said=refused.words), refused
        text = Text(
            prompt.key, n, found.text, found.finished, thinking=found.thinking, missing=found.missing, said=found.said
        )
        return text, None
