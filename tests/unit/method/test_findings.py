import pytest

from redone.method.findings import find
from redone.records import Task, Verdict

TASK = Task("topic", "domain", "content understanding", "", "", "exact")
RIGHT, WRONG = Verdict(1.0, "right"), Verdict(0.0, "wrong")
UNPARSABLE, CUT_OFF, ERROR = Verdict(0.0, "unparsable"), Verdict(0.0, "truncated"), Verdict(0.0, "error")


def answers(records, *verdicts):
    """The same verdicts on each of so many records."""
    return [list(verdicts)] * records


def finding(verdicts, **options):
    k = len(verdicts[0])
    given = {
        "base": answers(len(verdicts), *[WRONG] * k),
        "gold": [RIGHT] * len(verdicts),
        "unknown_below": 0.1,
        "solved_above": 0.85,
        "format_share": 0.3,
        "chance": 0.0,
        "seed": 1,
    }
    return find(options.pop("task", TASK), verdicts, **{**given, **options})


# Each case is scripted so that its kind applies, and with it kinds further down the order of precedence.


def test_a_task_is_solved_where_most_single_samples_pass():
    assert finding(answers(20, RIGHT, RIGHT, RIGHT, RIGHT)).kind == "solved"
    assert finding([*answers(17, RIGHT, RIGHT), *answers(3, WRONG, WRONG)]).kind == "solved"  # 0.85 exactly
    assert finding([*answers(16, RIGHT, RIGHT), *answers(4, WRONG, WRONG)]).kind == "unstable"


def test_a_task_is_unknown_where_hardly_any_prompt_is_ever_answered():
    assert finding(answers(20, WRONG, WRONG, WRONG, WRONG)).kind == "unknown"
    assert finding([*answers(1, RIGHT, WRONG), *answers(19, WRONG, WRONG)]).kind == "unknown"  # 0.05 of the prompts
    assert finding([*answers(2, RIGHT, WRONG), *answers(18, WRONG, WRONG)]).kind == "unstable"  # 0.1 exactly


def test_a_task_is_unstable_where_it_is_answered_now_and_then():
    assert finding(answers(20, RIGHT, WRONG, WRONG, WRONG)).kind == "unstable"


def test_passes_that_a_fixed_answer_would_have_too_are_luck():
    guessing = answers(20, RIGHT, WRONG, WRONG, RIGHT)
    assert finding(guessing, chance=0.5).kind == "unknown"
    assert "luck" in finding(guessing, chance=0.5).why
    assert finding(guessing, chance=0.3).kind == "unstable"


def test_luck_is_judged_by_the_lower_end_of_the_interval():
    mixed = [*answers(10, RIGHT, RIGHT, RIGHT, WRONG), *answers(10, RIGHT, WRONG, WRONG, WRONG)]
    # 0.5 with a standard error of 0.25 / sqrt(20): the interval begins near 0.39
    assert finding(mixed, chance=0.43).kind == "unknown"
    assert finding(mixed, chance=0.35).kind == "unstable"


def test_passes_are_not_luck_where_a_quarter_of_the_prompts_is_mastered():
    half = [*answers(10, *[RIGHT] * 4), *answers(10, *[WRONG] * 4)]
    assert finding(half, chance=0.5).kind == "unstable"


def test_a_task_has_the_wrong_format_where_many_answers_cannot_be_parsed():
    assert finding(answers(20, UNPARSABLE, RIGHT, RIGHT, RIGHT)).kind == "unstable"  # 0.25 of them
    assert finding(answers(20, UNPARSABLE, WRONG, WRONG)).kind == "format"


def test_a_task_is_truncated_where_many_answers_are_cut_off():
    assert finding(answers(20, CUT_OFF, UNPARSABLE, WRONG)).kind == "truncated"


def test_a_task_has_regressed_where_the_whole_interval_of_the_change_is_below_0():
    worse = answers(20, RIGHT, RIGHT, RIGHT, WRONG)
    better = answers(20, RIGHT, RIGHT, RIGHT, RIGHT)
    assert finding(worse, base=better).kind == "regressed"
    assert "fell by 25 points" in finding(worse, base=better).why
    # one record of twenty may be chance
    assert finding([*answers(19, RIGHT, RIGHT), [RIGHT, WRONG]], base=answers(20, RIGHT, RIGHT)).kind == "solved"


def test_the_change_is_taken_record_by_record():
    # the easy records and the hard ones differ far more than the models do, yet every record fell
    base = [*answers(10, *[RIGHT] * 8), *answers(10, *[RIGHT] * 2, *[WRONG] * 6)]
    now = [*answers(10, *[RIGHT] * 7, WRONG), *answers(10, RIGHT, *[WRONG] * 7)]
    assert finding(now, base=base).kind == "regressed"


def test_a_reward_is_suspect_where_it_does_not_pass_a_reference_answer():
    found = finding(answers(20, RIGHT, RIGHT), gold=[RIGHT] * 19 + [Verdict(0.9, "wrong")])
    assert found.kind == "reward suspect"
    assert found.why == "1 of 20 reference answers do not score 1."


def test_a_reward_is_suspect_where_many_answers_could_not_be_scored():
    found = finding([*answers(18, RIGHT, RIGHT), *answers(2, ERROR, ERROR)])
    assert found.kind == "reward suspect"
    assert found.why == "10 % of the answers could not be scored."
    assert finding([*answers(19, RIGHT, RIGHT), *answers(1, ERROR, ERROR)]).kind == "solved"


def test_the_first_kind_that_applies_is_the_kind():
    bad_gold = [Verdict(0.0, "wrong")] * 20
    everything_better = answers(20, *[RIGHT] * 3)
    cut_off, unparsable = answers(20, *[CUT_OFF] * 2, UNPARSABLE), answers(20, *[UNPARSABLE] * 3)
    assert finding(cut_off, base=everything_better, gold=bad_gold).kind == "reward suspect"
    assert finding(cut_off, base=everything_better).kind == "truncated"
    assert finding(unparsable, base=everything_better).kind == "format"
    assert finding(answers(20, *[WRONG] * 3), base=everything_better).kind == "regressed"
    assert finding(answers(20, *[RIGHT] * 3), unknown_below=1.0, chance=1.0).kind == "solved"


def test_pass_rates_and_their_intervals_are_over_records():
    found = finding([*answers(5, RIGHT, RIGHT, RIGHT, RIGHT), *answers(15, WRONG, WRONG, WRONG, WRONG)])
    assert (found.pass1, found.passk, found.k, found.n) == (0.25, 0.25, 4, 20)
    # Wilson's interval of 5 of 20, not of 20 of 80
    assert found.pass1_interval == pytest.approx((0.1119, 0.4687), abs=5e-5)
    assert found.passk_interval == found.pass1_interval


def test_a_record_passes_at_k_where_one_of_its_samples_does():
    found = finding([*answers(5, RIGHT, WRONG, WRONG, WRONG), *answers(15, WRONG, WRONG, WRONG, WRONG)])
    assert (found.pass1, found.passk) == (5 / 80, 0.25)
    low, high = found.pass1_interval
    assert 0 <= low < 5 / 80 < high < 0.25


def test_a_graded_answer_passes_where_it_reaches_the_tasks_bar():
    task = Task("title", "domain", "dialogue", "", "", "chrf", pass_at=0.5)
    half, less = Verdict(0.5, "right"), Verdict(0.49, "wrong")
    assert finding(answers(20, half, less), task=task).pass1 == 0.5
    assert finding(answers(20, half, less), task=TASK).pass1 == 0.0


def test_shares_of_the_reasons_are_over_all_samples():
    found = finding([*answers(10, RIGHT, WRONG), *answers(10, WRONG, UNPARSABLE)])
    assert found.reasons == {"right": 0.25, "wrong": 0.5, "unparsable": 0.25}


def test_the_reason_is_a_sentence_with_the_numbers():
    found = finding(answers(20, RIGHT, WRONG, WRONG, WRONG), examples=[{"id": "x"}])
    assert found.why == ("25 % of single samples pass, 100 % of prompts within 4: the model can, but not reliably.")
    assert found.examples == ({"id": "x"},)
