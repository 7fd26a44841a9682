"""What of a text is thinking and what is the answer: the one rule for every model, command, task and benchmark."""

OPEN, CLOSE = "<think>", "</think>"


def split_thinking(text: str) -> tuple[str, str | None]:
    """(thinking, answer): the answer is what follows the first `</think>`, stripped, or the whole text, as it is, where
    it has no tag. It is None where a `<think>` is never closed, whatever stands behind it, and where a tag stands
    in the answer itself: engines that serve a model cut at its first `</think>`, and would show the second.

    The opening tag may be missing, because a prompt may end with it. An answer holds no tag, so that splitting it again
    changes nothing.
    """
    thinking, closed, answer = text.partition(CLOSE)
    inside = answer if closed else text
    if OPEN in inside or CLOSE in inside:
        return text.strip().removeprefix(OPEN).strip(), None
    return (thinking.strip().removeprefix(OPEN).strip(), answer.strip()) if closed else ("", text)
