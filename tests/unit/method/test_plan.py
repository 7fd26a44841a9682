import random

import pytest

from redone.method.plan import make_plan, share_out
from redone.records import Finding, Task


def finding(task, kind, pass1=0.5):
    return Finding(task, kind, pass1, (0.0, 1.0), 1.0, (0.0, 1.0), 4, 20, {}, "")


def plan(cases, sizes=None, general=(), **options):
    """The plan for {task: (family, kind, pass@1)}, each with 1,000 train records, and general tasks."""
    tasks = {name: Task(name, "domain", family, "", "", "exact") for name, (family, _, _) in cases.items()}
    tasks |= {name: Task(name, "general", "mathematics", "", "", "exact") for name in general}
    findings = [finding(name, kind, pass1) for name, (_, kind, pass1) in cases.items()]
    findings += [finding(name, "unknown", 0.0) for name in general]
    sizes = {**dict.fromkeys(tasks, 1000), **(sizes or {})}
    given = {"records": 600, "rare_factor": 2.0, "rehearsal": 0.0, "general_share": 0.0, **options}
    return make_plan(findings, tasks, sizes, **given)


EXTRACT, MATCH, TALK = "information extraction", "semantic matching", "dialogue"


def test_every_weak_task_has_a_share_by_its_need():
    made = plan(
        {
            "ner": (EXTRACT, "unknown", 0.0),
            "tags": (EXTRACT, "unstable", 0.5),
            "match": (MATCH, "unstable", 0.5),
            "reply": (TALK, "solved", 0.9),
        }
    )
    assert made.quotas == {"ner": 300, "tags": 150, "match": 150}


@pytest.mark.parametrize("kind", ["unknown", "format", "truncated", "regressed", "unstable"])
def test_a_weak_task_is_taught(kind):
    assert plan({"ner": (EXTRACT, kind, 0.5)}).quotas == {"ner": 600}


@pytest.mark.parametrize("kind", ["solved", "reward suspect"])
def test_a_task_that_is_solved_or_whose_reward_is_suspect_is_not_taught(kind):
    made = plan({"ner": (EXTRACT, kind, 0.5), "tags": (EXTRACT, "unstable", 0.5)})
    assert made.quotas == {"tags": 600}


def test_a_weak_task_that_passes_nearly_always_still_has_some_need():
    made = plan({"ner": (EXTRACT, "regressed", 1.0), "tags": (EXTRACT, "unknown", 0.0)}, records=210)
    assert made.quotas == {"ner": 10, "tags": 200}  # 0.05 against 1


def test_rare_tasks_weigh_more():
    cases = {
        "ner": (EXTRACT, "unstable", 0.5),
        "tags": (EXTRACT, "unstable", 0.5),
        "match": (MATCH, "unstable", 0.5),
    }
    # the median is 999 records, a third of it 333
    sizes = {"tags": 999, "match": 999}
    assert plan(cases, {"ner": 332, **sizes}, records=400).quotas == {"ner": 200, "tags": 100, "match": 100}
    assert plan(cases, {"ner": 333, **sizes}, records=300).quotas == {"ner": 100, "tags": 100, "match": 100}
    assert "rare (332 train records)" in plan(cases, {"ner": 332, **sizes}).why["ner"]


def test_rarity_is_measured_among_the_domains_tasks_alone():
    made = plan({"ner": (EXTRACT, "unstable", 0.5)}, {"ner": 100, "sum": 10_000, "facts": 10_000}, ("sum", "facts"))
    assert "rare" not in made.why["ner"]


def test_what_a_small_task_cannot_take_goes_to_the_others():
    cases = {"ner": (EXTRACT, "unknown", 0.0), "match": (MATCH, "unknown", 0.0), "reply": (TALK, "unknown", 0.0)}
    assert plan(cases, {"ner": 60}).quotas == {"ner": 60, "match": 270, "reply": 270}


def test_no_quota_exceeds_what_there_is():
    made = plan({"ner": (EXTRACT, "unknown", 0.0), "match": (MATCH, "unknown", 0.0)}, {"ner": 30, "match": 40})
    assert made.quotas == {"ner": 30, "match": 40}


def test_rehearsal_is_a_share_of_the_domains_records_taken_from_solved_tasks_alike():
    cases = {"ner": (EXTRACT, "unknown", 0.0), "tags": (EXTRACT, "solved", 0.9), "reply": (TALK, "solved", 1.0)}
    made = plan(cases, rehearsal=0.2)
    assert made.quotas == {"ner": 480, "tags": 60, "reply": 60}
    assert made.why["tags"] == "solved: rehearsed"


def test_rehearsal_stays_a_share_where_the_weak_tasks_hold_less_than_was_asked_for():
    cases = {"ner": (EXTRACT, "unknown", 0.0), "tags": (EXTRACT, "solved", 0.9)}
    assert plan(cases, {"ner": 80}, rehearsal=0.2).quotas == {"ner": 80, "tags": 20}


def test_rehearsal_takes_nothing_from_weak_tasks_where_nothing_is_solved():
    assert plan({"ner": (EXTRACT, "unknown", 0.0)}, rehearsal=0.2).quotas == {"ner": 600}


def test_general_records_are_a_share_of_the_whole_mix():
    made = plan({"ner": (EXTRACT, "unknown", 0.0)}, general=("sum",), records=900, general_share=0.1)
    assert (made.quotas, made.general) == ({"ner": 900}, {"sum": 100})


def test_half_of_the_general_records_go_where_most_is_missing():
    tasks = {name: Task(name, "general", "mathematics", "", "", "exact") for name in ("sum", "facts")}
    tasks["ner"] = Task("ner", "domain", EXTRACT, "", "", "exact")
    findings = [finding("sum", "unstable", 0.8), finding("facts", "solved", 1.0), finding("ner", "unknown", 0.0)]
    made = make_plan(
        findings, tasks, dict.fromkeys(tasks, 5000), records=900, rare_factor=2.0, rehearsal=0.0, general_share=0.1
    )
    assert made.general == {"sum": 73, "facts": 27}


def test_there_are_no_more_general_records_than_there_are():
    cases = {"ner": (EXTRACT, "unknown", 0.0)}
    made = plan(cases, {"sum": 7, "facts": 5}, general=("sum", "facts"), records=900, general_share=0.1)
    assert made.general == {"sum": 7, "facts": 5}
    assert plan(cases, records=900, general_share=0.1).general == {}


def test_general_tasks_are_never_chosen_though_they_are_weak():
    made = plan({"ner": (EXTRACT, "unknown", 0.0)}, general=("sum",), general_share=0.1)
    assert "sum" not in made.quotas
    assert "sum" not in made.why


def test_where_nothing_is_weak_nothing_is_taught():
    made = plan({"ner": (EXTRACT, "solved", 1.0)}, general=("sum",), rehearsal=0.2, general_share=0.1)
    assert (made.quotas, made.general) == ({}, {"sum": 0})
    assert "nothing to teach" in made.prose
    assert made.why == {"ner": "solved: not taught"}


def test_the_prose_names_every_task_that_is_chosen_and_how_much_of_it():
    cases = {f"task{i}": (family, "unknown", 0.1 * i) for i, family in enumerate((EXTRACT, MATCH, TALK) * 2)}
    cases["done"] = (TALK, "solved", 1.0)
    made = plan(cases, general=("sum",), records=3000, rehearsal=0.1, general_share=0.056)
    assert len(made.quotas) == 7
    for name, quota in made.quotas.items():
        assert f"{name} ({cases[name][0]}, {quota:,} records; {made.why[name]})" in made.prose
    assert "7 tasks of the domain" in made.prose
    assert "6 unknown, 1 solved" in made.prose
    assert f"{made.general['sum']:,} general records (5.6 % of the mix)" in made.prose


def test_there_is_a_reason_for_every_task_of_the_domain():
    cases = {f"task{i}": (TALK, kind, 0.5) for i, kind in enumerate(("unknown", "solved", "reward suspect", "format"))}
    assert list(plan(cases).why) == list(cases)
    assert all(plan(cases).why.values())


# share_out


@pytest.mark.parametrize(
    ("total", "weights", "expected"),
    [
        (10, {"a": 1, "b": 1}, {"a": 5, "b": 5}),
        (10, {"a": 3, "b": 1}, {"a": 8, "b": 2}),  # 7.5 and 2.5: the tie goes by name
        (3, {"a": 1, "b": 1, "c": 1, "d": 1}, {"a": 1, "b": 1, "c": 1, "d": 0}),
        (10, {"a": 1, "b": 0}, {"a": 10, "b": 0}),
        (0, {"a": 1}, {"a": 0}),
        (5, {}, {}),
    ],
)
def test_whole_numbers_are_shared_out_by_weight(total, weights, expected):
    assert share_out(total, weights, dict.fromkeys(weights, 100)) == expected


def test_shares_sum_to_the_total_or_to_all_there_is_and_none_exceeds_its_own():
    source = random.Random(2)
    for _ in range(300):
        names = [str(i) for i in range(source.randint(1, 9))]
        weights = {name: source.choice([0.0, 0.05, 1.0, source.random() * 5]) for name in names}
        most = {name: source.choice([0, 1, 3, source.randint(0, 400)]) for name in names}
        total = source.randint(0, 700)
        shares = share_out(total, weights, most)
        assert sum(shares.values()) == min(total, sum(most[name] for name in names if weights[name] > 0))
        assert all(0 <= shares[name] <= most[name] for name in names)


def test_shares_of_those_that_are_not_full_keep_their_proportion():
    shares = share_out(1000, {"a": 5, "b": 2, "c": 1, "d": 1}, {"a": 100, "b": 2000, "c": 2000, "d": 30})
    assert shares == {"a": 100, "b": 580, "c": 290, "d": 30}
