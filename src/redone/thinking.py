"""What of a text is thinking and what is the answer: the one rule for every model, command, task and benchmark."""

OPEN, CLOSE = "<think>", "</think>"


def split_thinking(text: str) -> tuple[str, str | None]:
    """(thinking, answer): the answer is what follows the last `</think>`, stripped, and the whole text, as it is, where
    no tag stands in it. It is None where a `<think>` is never closed, whatever stands behind it.

    The opening tag may be missing, because a prompt may end with it. An answer holds neither tag, so that splitting it
    again changes nothing.
    """
    thinking, closed, answer = text.rpartition(CLOSE)
    if OPEN in answer:
        return text.strip().removeprefix(OPEN).strip(), None
    return thinking.strip().removeprefix(OPEN).strip(), answer.strip() if closed else text
