"""The data of rollouts.html: an index that is read at once, and texts in files of about CHUNK characters that the page
loads when somebody looks at them. Memory holds the index and one file of texts.

Every file is a script that calls `rollouts(stamp, name, data)`, since a page from file:// may load nothing else; data
is JSON without an object whose keys a model could choose. docs/data.md has its form.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from redone.files import ends
from redone.report.render import MOST_SHOWN
from redone.texts import cut, visible

FOLDER = "rollouts"
CHUNK = 400_000  # characters
Pairs = Iterable[tuple[str, Any]]


class Names:
    """Texts that occur again and again, as their numbers."""

    def __init__(self) -> None:
        self.number: dict[Any, int] = {}

    def of(self, name: Any) -> int:
        return self.number.setdefault(name, len(self.number))

    @property
    def shown(self) -> list[str]:
        return [fit(name) for name in self.number]


class Texts:
    """Files of one kind, `<kind>-<number>.js`, each a list of what was added."""

    def __init__(self, folder: Path, kind: str, stamp: str) -> None:
        self.folder, self.kind, self.stamp = folder, kind, stamp
        self.firsts: list[int] = []  # file -> number of the first that it holds
        self.count = self.size = 0
        self.held: list[str] = []

    def add(self, value: Any) -> None:
        if not self.held:
            self.firsts.append(self.count)
        self.held.append(packed(value))
        self.count += 1
        self.size += len(self.held[-1])
        if self.size >= CHUNK:
            self.close()

    def close(self) -> None:
        if self.held:
            name = f"{self.kind}-{len(self.firsts) - 1}"
            write_script(self.folder, self.stamp, name, "[" + ",\n".join(self.held) + "]")
        self.held, self.size = [], 0


class Chunks:
    """Takes groups of answers in any number, and leaves the files in `folder`, which replaces what lay there.

    sources: [key, label, kind, set, model, the model it began from] each, as the page shows and links them.
    """

    def __init__(self, folder: Path, stamp: str, sources: Sequence[Sequence[str]]) -> None:
        self.final, self.folder, self.stamp = folder, folder.with_name(folder.name + ".part"), stamp
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.sources = sources
        self.tasks, self.reasons, self.names = Names(), Names(), Names()
        self.records: dict[tuple[str, str], int] = {}  # (set, id) -> number
        self.record_tasks: list[int] = []
        self.groups: list[int] = []  # source, step, record, answers, and again
        self.scores: list[int | None] = []  # thousandths; None: not scored
        self.verdicts: list[int] = []
        self.prompts = Texts(self.folder, "prompts", stamp)
        self.texts = Texts(self.folder, "texts", stamp)

    def record(self, set: str, id: str, task: str, prompt: str | None = None, answer: str | None = None) -> int:
        """The record's number. What it asks and what the reference answer is count where it is named first."""
        number = self.records.setdefault((set, id), len(self.records))
        if number == self.prompts.count:
            self.record_tasks.append(self.tasks.of(task))
            self.prompts.add([None if text is None else fit(text) for text in (prompt, answer)])
        return number

    def answer(
        self,
        group: tuple[int, int, int],  # source, step, record
        score: float | None,
        reason: str,
        text: str,
        *,
        note: str = "",
        parts: Pairs = (),  # of the score
        facts: Pairs = (),  # besides
        texts: Iterable[tuple[str, str]] = (),
        tokens: Sequence[Sequence[Any]] = (),  # their names, log-probabilities, those of the sampler
    ) -> None:
        """The next answer; those of a group follow one another."""
        row = [fit(text), fit(note), self._named(parts), self._named(facts), self._named(texts), fit(tokens)]
        while row and not row[-1]:
            row.pop()
        self.scores.append(None if score is None else round(1000 * score))
        self.verdicts.append(self.reasons.of(str(reason)))
        if tuple(self.groups[-4:-1]) == group:
            self.groups[-1] += 1
        else:
            self.groups += (*group, 1)
        self.texts.add(row)

    def _named(self, pairs: Pairs) -> list[Any]:
        """Name and value, and again."""
        return [one for name, value in pairs for one in (self.names.of(name), fit(value))]

    def finish(self, about: dict[str, Any]) -> None:
        """Write the index, and put the folder in its place."""
        self.prompts.close()
        self.texts.close()
        index = {
            **{key: fit(value) for key, value in about.items()},
            "sources": [list(map(fit, one)) for one in self.sources],
            "tasks": self.tasks.shown,
            "reasons": self.reasons.shown,
            "names": self.names.shown,
            "records": [fit(id) for _, id in self.records],
            "recordTasks": self.record_tasks,
            "groups": self.groups,
            "scores": self.scores,
            "verdicts": self.verdicts,
            "texts": self.texts.firsts,
            "prompts": self.prompts.firsts,
        }
        write_script(self.folder, self.stamp, "index", packed(index))
        shutil.rmtree(self.final, ignore_errors=True)
        self.folder.replace(self.final)


def fit(value: Any) -> Any:
    """Fit to be shown: a text is cut and made visible, a list each of its values; a small number is itself."""
    if isinstance(value, (list, tuple)):
        return [fit(one) for one in value]
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return float(f"{value:.5g}")
    return visible(cut(value if isinstance(value, str) else packed(value), MOST_SHOWN))


def packed(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def write_script(folder: Path, stamp: str, name: str, data: str) -> None:
    (folder / f"{name}.js").write_text(f'rollouts("{stamp}","{name}",{data});\n', encoding="utf-8")


def stamp_of(paths: Iterable[Path]) -> str:
    """Of the files that the data is made of: the same for the same files, another one where any of them has changed."""
    digest = hashlib.sha256()
    for path in paths:
        size, data = ends(path) if path.exists() else (-1, b"")
        digest.update(f"{size} {len(data)} ".encode() + data)
    return digest.hexdigest()[:12]
