"""What compares an output with a record in a reading of a benchmark: the training rewards, and the published checks.

All are pure: (record, output, **options) -> Verdict, or what it waits for (rewards.outside). The reading's aggregate
sums up the verdicts' parts.
"""

import ast
import re
import string
import textwrap
from collections.abc import Callable, Mapping, Sequence

from redone.benchmark import aggregate, sns, sns_clean, translation
from redone.benchmark.harness import choice, contest
from redone.records import Record, Task, Verdict
from redone.rewards import COMPARING, REWARDS, SANDBOXED, compared
from redone.rewards.blocks import defining
from redone.rewards.extract import extracted
from redone.rewards.outside import Found
from redone.rewards.program import asserts


def exact_match(
    record: Record,
    output: str,
    *,
    ignore: Sequence[str] = (),
    ignore_case: bool = False,
    ignore_punctuation: bool = False,
    reference: str = "",
) -> Verdict:
    """1 where output and reference are equal once what `ignore` matches, case and punctuation are taken out of both.
    reference: the field that holds it, where that is not the whole of the record's answer.

    Source: exact_match of lm-evaluation-harness 0.4 (api/metrics.py), whose arrays drop NULs at a text's end.
    """

    def plain(text: str) -> str:
        for pattern in ignore:
            text = re.sub(pattern, "", text)
        text = text.lower() if ignore_case else text
        return (text.translate(_PUNCTUATION) if ignore_punctuation else text).rstrip("\0")

    right = plain(record.fields[reference] if reference else record.answer) == plain(output)
    return Verdict(float(right), "right" if right else "wrong" if output else "unparsable")


_PUNCTUATION = str.maketrans("", "", string.punctuation)


def completed(record: Record, output: str) -> Found:
    """`asserts` of HumanEval's prompt with the output: a completion, a whole function, or prose with one of them in a
    fenced block. A completion that lost the indentation of its first line, or of all, gets it back."""
    return asserts(record, completion(record, output))


def completion(record: Record, output: str) -> str:
    prompt, names = record.fields["prompt"], record.fields["functions"]
    code = defining(output, names)
    if any(f"def {name}(" in code for name in names):
        return f"{prompt}\n{code}"
    lines = code.strip("\n").splitlines(keepends=True)
    if not lines or lines[0][0].isspace():
        return prompt + code
    whole = prompt + textwrap.indent("".join(lines), "    ")
    rest_stands = all(line[0].isspace() for line in lines[1:])
    first = f"{prompt}    {''.join(lines)}"
    return first if rest_stands and _parses(first) else whole


def _parses(code: str) -> bool:
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True


READINGS: Mapping[str, Callable[..., Found]] = {
    **REWARDS,
    "exact_match": exact_match,
    "completed": completed,
    "translation": translation.translation,
    "slang": translation.slang,
    "choice": choice,
    "contest": contest,
    **sns.READINGS,
    **sns_clean.READINGS,
}
ACCEPTING = (*COMPARING, "exact_match", "choice")  # that compare with the reference answer alone
RUN_CODE = (*SANDBOXED, "completed", "contest")
# reading -> what of an output is embedded, where the score has such a half
EMBEDDED: Mapping[str, Callable[[str], str]] = {"sns_query": sns.embedded_text, "sns_clean_query": sns_clean.line_of}
AGGREGATES: Mapping[str, aggregate.Aggregate] = {
    "mean": aggregate.mean,
    "micro_f1": aggregate.micro_f1,
    "macro_f1": aggregate.macro_f1,
    "macro_recall": aggregate.macro_recall,
    "instructions": aggregate.instructions,
    "nats": aggregate.nats,
    **translation.AGGREGATES,
    **sns.AGGREGATES,
    **sns_clean.AGGREGATES,
}


def read(task: Task, record: Record, output: str, finished: bool) -> Found:
    """What `redone.rewards.score` gives for a training task, of a reading's task on an output."""
    return compared(READINGS[task.reward], record, extracted(output, task.extract), task.options)
