import pytest
import torch
from tiny import gradient, relative, tiny

from redone.algo.sft import sft_loss
from redone.method.targeted import load_distributions, save_distributions
from redone.model import policy as module
from redone.model.policy import Policy
from redone.train.sft import Example, accumulate, distributions, one_hot

EXAMPLES = [Example((3, 4, 5), (6, 7)), Example((8, 9), (10, 11, 12)), Example((1, 2, 3, 4), (5,))]
KINDS = ["Qwen3", "GPT2", "GPTNeo"]  # layers by hand, through transformers, and the ordinary path


def labels(policy, k):
    return distributions(policy, EXAMPLES, k, 4096, lambda count: None)


def step(policy, examples):
    policy.model.zero_grad()
    loss, _ = accumulate(policy, examples, 4096)
    return loss, torch.cat([p.grad.flatten() for p in policy.model.parameters() if p.grad is not None])


@pytest.mark.parametrize("kind", KINDS)
def test_distributions_are_the_top_k_of_the_models_own_at_each_target_token(kind):
    policy = Policy(tiny(kind))
    for example, (ids, shares) in zip(EXAMPLES, labels(policy, 5), strict=True):
        text = torch.tensor([[*example.prompt, *example.target]])
        logits = policy.model(text).logits[0, len(example.prompt) - 1 : -1]
        best, places = logits.softmax(-1).topk(5)
        assert ids.tolist() == places.tolist()
        torch.testing.assert_close(shares, best / best.sum(-1, keepdim=True))


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_the_cross_entropy_against_the_distribution_with_its_gradient(kind):
    teacher, policy = Policy(tiny(kind, seed=1)), Policy(tiny(kind, seed=2))
    soft = labels(teacher, 5)
    loss, grads = step(policy, [e._replace(soft=s) for e, s in zip(EXAMPLES, soft)])
    parts = []
    for example, (ids, shares) in zip(EXAMPLES, soft):
        logits = policy.model(torch.tensor([[*example.prompt, *example.target]])).logits[
            0, len(example.prompt) - 1 : -1
        ]
        dense = torch.zeros_like(logits).scatter(1, ids, shares)
        parts.append(torch.nn.functional.cross_entropy(logits, dense, reduction="none"))
    expected = torch.cat(parts).mean()
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    assert relative(grads, gradient(policy.model, expected)) < 1e-5


def test_a_distribution_on_one_token_is_that_token():
    policy = Policy(tiny("Qwen3"))
    hard, hard_grads = step(policy, EXAMPLES)
    soft, soft_grads = step(policy, [e._replace(soft=one_hot(e.target, 3)) for e in EXAMPLES])
    assert soft == pytest.approx(hard, rel=1e-6)
    assert relative(soft_grads, hard_grads) < 1e-5


def test_examples_with_and_without_a_distribution_share_a_step():
    policy = Policy(tiny("Qwen3"))
    mixed = [EXAMPLES[0]._replace(soft=labels(policy, 4)[0]), *EXAMPLES[1:]]
    counts = [len(e.target) for e in EXAMPLES]
    apart = [step(policy, [example]) for example in mixed]
    loss, grads = step(policy, mixed)
    assert loss == pytest.approx(sum(n * part for n, (part, _) in zip(counts, apart)) / sum(counts), rel=1e-5)
    assert relative(grads, sum(n * part for n, (_, part) in zip(counts, apart)) / sum(counts)) < 1e-5


def test_the_teacher_itself_has_nothing_to_learn_from_its_whole_distribution():
    policy = Policy(tiny("Qwen3"))
    _, hard = step(policy, EXAMPLES)
    _, soft = step(policy, [e._replace(soft=s) for e, s in zip(EXAMPLES, labels(policy, policy.vocabulary))])
    assert soft.norm() < 1e-4 * hard.norm()


@pytest.mark.parametrize("kind", ["Qwen3", "GPTNeo"])
def test_cutting_the_logits_into_chunks_changes_nothing(kind, monkeypatch):
    policy = Policy(tiny(kind))
    soft = labels(policy, 4)
    examples = [e._replace(soft=s) for e, s in zip(EXAMPLES, soft)]
    whole = step(policy, examples)
    monkeypatch.setattr(module, "_CHUNK", 2 * policy.vocabulary)
    assert [ids.tolist() for ids, _ in labels(policy, 4)] == [ids.tolist() for ids, _ in soft]
    cut = step(policy, examples)
    assert cut[0] == pytest.approx(whole[0], rel=1e-6)
    assert relative(cut[1], whole[1]) < 1e-5


def test_distributions_come_back_from_disk_as_they_were(tmp_path):
    soft = labels(Policy(tiny("Qwen3")), 4)
    save_distributions(tmp_path / "soft_labels.npz", soft)
    found = load_distributions(tmp_path / "soft_labels.npz", [2, 3, 1])
    assert all(torch.equal(a, b) for mine, theirs in zip(soft, found, strict=True) for a, b in zip(mine, theirs))
    with pytest.raises(ValueError, match=r"soft_labels.npz has 6 tokens, its records 5; delete it"):
        load_distributions(tmp_path / "soft_labels.npz", [2, 3])


def test_the_loss_weighs_tokens():
    assert sft_loss(torch.tensor([-1.0, -2.0]), torch.tensor([0.25, 0.75])) == 1.75


@pytest.mark.parametrize("averaging", ["token", "group"])
def test_the_loss_is_the_mean_over_tokens_or_over_records_of_the_mean_over_each_ones(averaging):
    policy = Policy(tiny("Qwen3"))
    loss, forwarded = accumulate(policy, EXAMPLES, 4096, averaging)
    records = []
    for example in EXAMPLES:
        text = torch.tensor([[*example.prompt, *example.target]])
        logprobs = policy.model(text).logits[0, len(example.prompt) - 1 : -1].log_softmax(-1)
        records.append(-logprobs.gather(1, torch.tensor(example.target)[:, None])[:, 0])
    each = torch.cat(records) if averaging == "token" else torch.stack([one.mean() for one in records])
    assert loss == pytest.approx(each.mean().item(), rel=1e-5)
    assert forwarded == sum(len(one.prompt) + len(one.target) - 1 for one in EXAMPLES)
