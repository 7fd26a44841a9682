from types import SimpleNamespace

import pytest
import torch
from tiny import some_trees

from redone.model.attention import DecodeState, Prefill, UnsupportedAttention, tree_attention
from redone.model.trees import pack

HEADS, KEY_HEADS, SIZE = 4, 2, 8
LAYER = SimpleNamespace(layer_idx=0)


def states(batch, seed=0):
    """Random query, key and value [1, heads, T, D] of a batch, in float64."""
    random = torch.Generator().manual_seed(seed)
    shape = (batch.num_tokens, SIZE)
    return [
        torch.randn(1, heads, *shape, generator=random, dtype=torch.float64) for heads in (HEADS, KEY_HEADS, KEY_HEADS)
    ]


def visible(trees):
    """[T, T] True where a token sees another, written down token by token from the definition."""
    owner = []  # (tree, answer or None for the prompt, place in it) of each token laid out
    for number, (prompt, answers) in enumerate(trees):
        owner += [(number, None, place) for place in range(len(prompt))]
        owner += [(number, i, place) for i, answer in enumerate(answers) for place in range(len(answer) - 1)]
    seen = torch.zeros(len(owner), len(owner), dtype=torch.bool)
    for i, (tree, answer, place) in enumerate(owner):
        for j, (tree2, answer2, place2) in enumerate(owner):
            own = answer2 == answer and place2 <= place
            seen[i, j] = tree == tree2 and (own or (answer is not None and answer2 is None))
    return seen


def dense(query, key, value, seen):
    """Attention under a mask, key heads repeated. -> [1, T, H, D]"""
    key, value = (x.repeat_interleave(HEADS // KEY_HEADS, 1) for x in (key, value))
    scores = (query @ key.transpose(2, 3)) * SIZE**-0.5
    weights = torch.softmax(scores.masked_fill(~seen, float("-inf")), -1)
    return (weights @ value).transpose(1, 2)


def test_a_token_sees_its_prompt_and_its_own_answer_and_nothing_else():
    trees = some_trees()
    batch = pack(trees)
    query, key, value = states(batch)
    found, _ = tree_attention(LAYER, query, key, value, None, tree=batch.layout)
    assert torch.allclose(found, dense(query, key, value, visible(trees)), atol=1e-6, rtol=0)


def test_gradients_of_tree_attention_are_those_of_masked_attention():
    trees = some_trees()
    batch = pack(trees)
    given = [x.requires_grad_() for x in states(batch)]
    weigh = torch.randn(1, batch.num_tokens, HEADS, SIZE, generator=torch.Generator().manual_seed(1)).double()
    found, _ = tree_attention(LAYER, *given, None, tree=batch.layout)
    ours = torch.autograd.grad((found * weigh).sum(), given)
    theirs = torch.autograd.grad((dense(*given, visible(trees)) * weigh).sum(), given)
    for mine, expected in zip(ours, theirs):
        assert torch.allclose(mine, expected, atol=1e-6, rtol=0)


def test_the_models_own_scaling_is_used():
    trees = some_trees()
    batch = pack(trees)
    query, key, value = states(batch)
    found, _ = tree_attention(LAYER, query, key, value, None, scaling=0.1, tree=batch.layout)
    expected = dense(query * (0.1 * SIZE**0.5), key, value, visible(trees))
    assert torch.allclose(found, expected, atol=1e-6, rtol=0)


def test_a_decoding_step_sees_the_prompt_and_its_own_earlier_tokens():
    """Two prompts of 3 and 2 tokens, two answers each with 2, 0, 1 and 3 tokens before this one; the second is done."""
    random = torch.Generator().manual_seed(0)
    prompts, before, live = (3, 2), ((2, 0), (1, 3)), ((0, 0), (1, 0), (1, 1))

    def draw(*shape):
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    query, key, value = draw(1, HEADS, 3, SIZE), draw(1, KEY_HEADS, 3, SIZE), draw(1, KEY_HEADS, 3, SIZE)
    shared = [draw(2, KEY_HEADS, 3, SIZE) for _ in range(2)]
    own = [draw(2, KEY_HEADS, 2, 16, SIZE) for _ in range(2)]  # what was there before, and what must not matter
    hidden = torch.tensor(
        [
            [[p >= prompts[n] for p in range(3)] + [c > before[n][a] for c in range(4)] for a in range(2)]
            for n in range(2)
        ]
    )
    state = DecodeState(
        prompts={0: tuple(shared)},
        own={0: tuple(x.clone() for x in own)},
        prompt=torch.tensor([n for n, _ in live]),
        answer=torch.tensor([a for _, a in live]),
        place=torch.tensor([before[n][a] for n, a in live]),
        hidden=hidden[:, None, :, None],
        longest=6,
    )
    found, _ = tree_attention(LAYER, query, key, value, None, tree=state)
    for row, (n, a) in enumerate(live):
        keys, values = (
            torch.cat([x[n, :, : prompts[n]], o[n, :, a, : before[n][a]], new[0, :, row : row + 1]], 1)[None]
            for x, o, new in zip(shared, own, (key, value))
        )
        everything = torch.ones(1, keys.shape[2], dtype=torch.bool)
        expected = dense(query[:, :, row : row + 1], keys, values, everything)
        assert torch.allclose(found[:, row : row + 1], expected, atol=1e-6, rtol=0)


def test_prefill_keeps_keys_and_values_of_each_layer():
    batch = pack([([1, 2, 3], ()), ([4, 5], ())])
    query, key, value = states(batch)
    prefill = Prefill(batch.layout)
    tree_attention(SimpleNamespace(layer_idx=7), query, key, value, None, tree=prefill)
    keys, values = prefill.kept[7]
    assert torch.equal(keys, key[0].transpose(0, 1))
    assert torch.equal(values, value[0].transpose(0, 1))


@pytest.mark.parametrize(
    ("keywords", "named"),
    [({"softcap": 30.0}, "softcap"), ({"s_aux": torch.ones(4)}, "s_aux"), ({"dropout": 0.1}, "dropout")],
)
def test_what_it_cannot_honour_it_refuses(keywords, named):
    batch = pack(some_trees())
    with pytest.raises(UnsupportedAttention, match=named):
        tree_attention(LAYER, *states(batch), None, tree=batch.layout, **keywords)


def test_a_mask_is_refused_because_the_layout_says_it_all():
    batch = pack(some_trees())
    with pytest.raises(UnsupportedAttention, match="mask"):
        tree_attention(LAYER, *states(batch), torch.ones(1), tree=batch.layout)


def test_a_model_that_swallows_the_layout_is_refused():
    with pytest.raises(UnsupportedAttention, match="keywords"):
        tree_attention(LAYER, *states(pack(some_trees())), None)


def test_a_sliding_window_is_refused_once_a_text_is_longer_than_it():
    """The longest text as laid out: a prompt of 17 and an answer of 9, less its last token."""
    batch = pack(some_trees())
    wide, _ = tree_attention(LAYER, *states(batch), None, tree=batch.layout, sliding_window=25)
    plain, _ = tree_attention(LAYER, *states(batch), None, tree=batch.layout)
    assert torch.equal(wide, plain)
    with pytest.raises(UnsupportedAttention, match="24"):
        tree_attention(LAYER, *states(batch), None, tree=batch.layout, sliding_window=24)
