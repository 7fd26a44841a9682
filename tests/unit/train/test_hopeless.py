"""What a task that is never right costs among three that are: passes of the decoder and tokens, counted.

Every answer to the three has four tokens, and every second group of them is informative; the fourth answers with its
whole budget of 120 and is never right.
"""

from collections import Counter
from dataclasses import dataclass, field

from redone.data.mix import Mix, Stratum
from redone.records import Record, Rollout, Task, Verdict
from redone.sample.protocol import Answer, Request
from redone.train.rollouts import collect

TASKS = {
    name: Task(name, "domain", "dialogue", "", "", "exact", budget=8) for name in ("clickbait", "emotion", "irony")
}
TASKS["entities"] = Task("entities", "domain", "dialogue", "", "", "exact", budget=120)
SHORT, GROUP, PROMPTS = 4, 8, 8


@dataclass
class Clock:
    """A sampler that decodes a token of every answer in flight in each step."""

    passes: int = 0
    tokens: int = 0
    flying: list = field(default_factory=list)  # [request, tokens left]

    @property
    def in_flight(self):
        return len(self.flying)

    def admit(self, requests):
        self.flying += [[request, SHORT if request.budget == 8 else 120] for request in requests]

    def step(self):
        self.passes += 1
        self.tokens += GROUP * len(self.flying)
        for one in self.flying:
            one[1] -= 1
        done = [one for one in self.flying if one[1] == 0]
        self.flying = [one for one in self.flying if one[1]]
        length = {8: SHORT, 120: 120}
        answer = {b: Answer((1,) * n, (-1.0,) * n, b == 8) for b, n in length.items()}
        return [(request, (answer[request.budget],) * GROUP) for request, _ in done]


def run(steps):
    """(decoder passes, tokens decoded, groups drawn and groups trained by task) of each step."""
    records = {name: [Record(f"{name}/{i}", name, ({},), "", "train", "test") for i in range(400)] for name in TASKS}
    mix = Mix([Stratum("domain", 1.0, dict.fromkeys(TASKS, 1.0))], records, seed=0)
    seen = Counter()

    def request(ticket, record):
        return Request(ticket, (1,), TASKS[record.task].budget)

    def score(completed):
        judged = []
        for record, answers in completed:
            seen[record.task] += 1
            alive = record.task != "entities" and seen[record.task] % 2
            rollouts = [Rollout(record.id, a.tokens, a.logprobs, "", a.finished, 0) for a in answers]
            scores = [float(alive and n % 2) for n in range(GROUP)]
            judged.append([(r, Verdict(s, "right" if s else "wrong")) for r, s in zip(rollouts, scores)])
        return judged

    found, carried = [], []
    for _ in range(steps):
        clock = Clock()
        step = collect(clock, mix, request, score, tasks=TASKS, prompts=PROMPTS, most=8 * PROMPTS, carried=carried)
        carried = step.surplus
        by_task = [Counter(group.record.task for group in groups) for groups in (step.fresh, step.groups)]
        found.append((clock.passes, clock.tokens, *by_task))
    return found


def test_after_its_first_groups_a_hopeless_task_is_drawn_ever_more_rarely_and_every_step_is_full():
    """A group of it takes 120 passes and 960 tokens; a step of the three takes 16 groups of 32 tokens, and one or two
    waves of four passes."""
    first, *rest = run(20)
    assert first[2]["entities"] == 7  # of eight one would have to be informative
    assert first[0] <= 3 * 120 + 40
    probes = sum(drawn["entities"] for _, _, drawn, _ in rest)
    # Two of a step's eight groups are its quota. After n dead ones it has 2 (8 / (1 + n))^2 a step: (1 + n)^3 grows by
    # 384 a step at most, from 8^3 to 7,808 after 19 steps, so that n is 18.8, and at most one more is under way.
    assert 8 <= probes <= 13
    assert sum(passes for passes, *_ in rest) <= probes * 120 + 19 * 5 * SHORT
    assert sum(tokens for _, tokens, *_ in rest) <= probes * 960 + 19 * 22 * GROUP * SHORT
    assert all(sum(trained.values()) == PROMPTS for *_, trained in rest)


def test_the_shares_of_what_is_trained_stay_as_they_were_asked_for():
    trained = sum((trained for *_, trained in run(30)), Counter())
    assert set(trained) == {"clickbait", "emotion", "irony"}
    assert max(trained.values()) - min(trained.values()) <= 3
