import pytest
from tiny import some_trees

from redone.model.trees import pack, split_by_tokens


def test_a_prompt_is_laid_out_once_and_each_answer_starts_at_its_length():
    batch = pack([([10, 11, 12], [[20, 21, 22], [30], [40, 41]]), ([50], [[60, 61]])])
    assert batch.input_ids.tolist() == [[10, 11, 12, 20, 21, 40, 50, 60]]
    assert batch.position_ids.tolist() == [[0, 1, 2, 3, 4, 3, 0, 1]]


def test_every_answer_is_predicted_from_the_prompts_last_position_and_then_from_itself():
    batch = pack([([10, 11, 12], [[20, 21, 22], [30], [40, 41]]), ([50], [[60, 61]])])
    assert batch.outputs[batch.predict_from].tolist() == [2, 3, 4, 2, 2, 5, 6, 7]
    assert batch.targets.tolist() == [20, 21, 22, 30, 40, 41, 60, 61]
    assert batch.lengths == (3, 1, 2, 2)


def test_a_batch_forwards_prompts_and_answers_less_one_token_for_each_answer():
    trees = some_trees()
    prompts = sum(len(prompt) for prompt, _ in trees)
    answers = [len(answer) for _, answers in trees for answer in answers]
    assert pack(trees).num_tokens == prompts + sum(answers) - len(answers)


def test_the_buckets_hold_every_token_exactly_once_and_the_inverse_finds_it():
    batch = pack(some_trees())
    assert batch.layout.order[batch.layout.inverse].tolist() == list(range(batch.num_tokens))


def test_trees_of_one_shape_share_a_bucket_without_padding():
    batch = pack([([1] * 20, [[2] * 5] * 3)] * 4)
    [bucket] = batch.layout.buckets
    assert bucket.prompts == (4, 20)
    assert bucket.answers == (4, 3, 4)
    assert bucket.prompt_mask is None


def test_a_long_prompt_does_not_pad_the_short_ones():
    batch = pack([([1] * 400, [[2] * 5]), *[([1] * 10, [[2] * 5])] * 7])
    assert sorted(bucket.prompts for bucket in batch.layout.buckets) == [(1, 400), (7, 10)]


def test_a_bucket_holds_a_bounded_number_of_attention_scores():
    """A prompt of 2,000 tokens has 2 million pairs: two of them do not fit into one bucket."""
    batch = pack([([1] * 2000, [[2] * 5])] * 3)
    assert [bucket.prompts[0] for bucket in batch.layout.buckets] == [1, 1, 1]


def test_a_layout_knows_its_longest_text():
    assert pack([([1] * 7, [[2] * 3, [2] * 5]), ([1] * 8, [[2]])]).layout.longest == 7 + 4


def test_prompts_without_answers_can_be_packed_for_prefill():
    batch = pack([([1, 2], ()), ([3], ())])
    assert batch.input_ids.tolist() == [[1, 2, 3]]
    assert batch.targets.numel() == 0


@pytest.mark.parametrize("tree", [([], [[1]]), ([1], [[]])])
def test_an_empty_prompt_or_answer_is_a_programming_error(tree):
    with pytest.raises(AssertionError):
        pack([tree])


def test_passes_are_cut_in_order_and_never_exceed_the_tokens_allowed():
    """Trees forward 4 + 2, 4 + 2, 4 + 2 and 10 + 2 tokens; a tree larger than a pass has one to itself."""
    trees = [([1] * 4, [[2] * 3])] * 3 + [([1] * 10, [[2] * 3])]
    assert split_by_tokens(trees, 12) == [[0, 1], [2], [3]]
    assert split_by_tokens(trees, 5) == [[0], [1], [2], [3]]
    assert split_by_tokens(trees, 30) == [[0, 1, 2, 3]]


def test_passes_of_the_ordinary_path_count_each_prompt_once_per_answer():
    """Two answers of 3 tokens to 4: packed 4 + 2 x 2 = 8, repeated 2 x (4 + 2) = 12."""
    trees = [([1] * 4, [[2] * 3] * 2)] * 4
    assert split_by_tokens(trees, 16) == [[0, 1], [2, 3]]
    assert split_by_tokens(trees, 16, repeated=True) == [[0], [1], [2], [3]]
