import pytest

from redone.algo.schedules import constant_with_warmup, cosine_with_warmup


def test_the_cooldown_falls_to_0_after_the_last_step():
    found = [constant_with_warmup(step, warmup=2, steps=8, cooldown=0.5) for step in range(8)]
    assert found == [0.5, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25]


def test_where_warm_up_and_cooldown_meet_the_lower_one_counts():
    assert [constant_with_warmup(step, warmup=4, steps=4, cooldown=1.0) for step in range(4)] == [0.25, 0.5, 0.5, 0.25]


def test_warmup_rises_in_equal_parts_and_already_moves_at_the_first_step():
    assert [constant_with_warmup(step, warmup=4) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_the_constant_rate_stays_for_ever():
    assert constant_with_warmup(499, warmup=10) == 1.0


def test_without_warmup_the_first_step_has_the_full_rate():
    assert constant_with_warmup(0, warmup=0) == 1.0
    assert cosine_with_warmup(0, steps=5, warmup=0) == 1.0


def test_the_cosine_starts_at_the_top_is_halfway_in_the_middle_and_ends_at_zero():
    factors = [cosine_with_warmup(step, steps=10, warmup=2) for step in range(11)]
    assert factors[:3] == [0.5, 1.0, 1.0]
    assert factors[4] == pytest.approx((1 + 0.5**0.5) / 2)  # a quarter of the way: cos 45 degrees
    assert factors[6] == pytest.approx(0.5)
    assert factors[8] == pytest.approx((1 - 0.5**0.5) / 2)
    assert factors[10] == pytest.approx(0.0)


def test_the_cosine_never_wastes_a_step_and_never_rises_after_the_warmup():
    factors = [cosine_with_warmup(step, steps=50, warmup=5) for step in range(50)]
    assert min(factors) > 0.0
    assert factors[5:] == sorted(factors[5:], reverse=True)


def test_a_run_that_is_all_warmup_reaches_the_full_rate():
    assert [cosine_with_warmup(step, steps=3, warmup=3) for step in range(3)] == pytest.approx([1 / 3, 2 / 3, 1.0])
