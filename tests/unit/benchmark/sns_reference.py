"""SNS-Bench's evaluators once more, over whole lists of predictions and with the packages that the authors use.

Written from their description, loop by loop, to hold redone.benchmark.sns against; slow, and nothing is shared with it.
Where the authors execute text, literals are read; where their code would stop with an exception, the value is 0.
"""

import ast
import json
import re
import warnings
from statistics import fmean

import demoji
import jieba
from nltk.translate.bleu_score import sentence_bleu
from rouge import Rouge

jieba.setLogLevel(60)


def cut(text, pattern):
    return re.split(pattern, text.replace("Answer:", "").strip(), maxsplit=1)[0].strip()


def short_label(text):
    return cut(text, r"[\n.,]|<|endofresponse|>")


def long_label(text):
    return cut(text, r"[\n.,]|<|endofresponse|>|<|end|>|<|im_end|>")


def split_tags(text):
    first = re.split(r"[\n]|<|endofresponse|>", text.replace("Answer:", "").strip(), maxsplit=1)[0]
    found = []
    for part in first.split(","):
        if part:
            found.append(part.strip())
    return found


def accuracy(predictions, rows, post):
    right = 0
    for prediction, row in zip(predictions, rows):
        right += post(prediction) == row["answer"]
    return {"score": 100 * right / len(rows)}


def general(text):
    text = re.split(r"[\n.,]", text, maxsplit=1)[0]
    text = re.sub(r"[^\w\s]", "", text)
    text = re.sub(r"\b(a|an|the)\b", "", text, flags=re.IGNORECASE)
    return re.sub(r"\s+", " ", text).strip()


def exact_paths(predictions, rows):
    right = 0
    for prediction, row in zip(predictions, rows):
        found = general(long_label(prediction))
        references = [row["answer"]]
        right += found in [general(reference) for reference in references] or found in references
    return {"score": 100 * right / len(rows)}


def entities(predictions, rows):
    hits = found = wanted = 0
    for prediction, row in zip(predictions, rows):
        results, labels = set(split_tags(prediction)), set(split_tags(row["answer"]))
        hits += len(labels & results)
        found += len(results)
        wanted += len(labels)
    return {"score": round(hits * 2 / (found + wanted + 0.0001), 4) * 100}


def evaluate(text):
    match = re.search(r"\[[^\[\]]*\]", text, re.DOTALL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.literal_eval(match.group(0) if match else text)


def highlight_words(predictions, rows):
    hits = found = wanted = errors = 0
    for prediction, row in zip(predictions, rows):
        try:
            labels = ast.literal_eval(row["answer"]) or [""]
            results = evaluate(prediction)
            assert isinstance(results, list)
            if len(results) == 0:
                results = [""]
            assert all(isinstance(result, str) for result in results)
        except Exception:
            errors += 1
            continue
        hits += len(set(labels) & set(results))
        found += len(set(results))
        wanted += len(set(labels))
    f1 = round(hits * 2 / (found + wanted + 0.0001), 4)
    success = (1 - errors / len(rows)) * 100
    return {"score": success * f1, "f1": f1 * 100, "success": success}


def topic_levels(predictions, rows):
    levels = ["-1", "0", "1", "2", "3"]
    counter = {level: {"tp": 0, "fp": 0, "fn": 0} for level in levels}
    errors = 0
    for prediction, row in zip(predictions, rows):
        matches = re.findall(r"(-1|0|1|2|3)", prediction)
        if not matches:
            errors += 1
        elif matches[0] == row["answer"]:
            counter[matches[0]]["tp"] += 1
        else:
            counter[row["answer"]]["fn"] += 1
            counter[matches[0]]["fp"] += 1
    f1s = []
    for count in counter.values():
        precision = count["tp"] / (count["tp"] + count["fp"] + 1e-5) * 100
        recall = count["tp"] / (count["tp"] + count["fn"] + 1e-5) * 100
        f1s.append(2 * precision * recall / (precision + recall + 1e-5))
    return {"score": fmean(f1s) * (1 - errors / len(rows))}


def simple_reading(predictions, rows):
    pairs, counts, errors = [], {"tp": 0, "tn": 0, "fp": 0, "fn": 0}, 0
    for prediction, row in zip(predictions, rows):
        reference = "".join(row["answer"])
        try:
            prediction = "\n".join(evaluate(prediction)).strip()
        except Exception:
            errors += 1
            continue
        if prediction and reference:
            counts["tp"] += 1
            pairs.append((prediction, reference))
        else:
            counts["fp" if prediction else "fn" if reference else "tn"] += 1
    precision = counts["tp"] / (counts["tp"] + counts["fp"] + 0.0001)
    recall = counts["tp"] / (counts["tp"] + counts["fn"] + 0.0001)
    f1 = 2 * precision * recall / (precision + recall + 0.0001)
    columns = [[], [], [], []]
    for pair in pairs:
        texts = [demoji.replace(text.replace("\n", "").replace("\ufffd", ""), "") for text in pair]
        found, wanted = (list(jieba.cut(text)) for text in texts)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            columns[0].append(sentence_bleu([wanted], found))
        try:
            [scores] = Rouge().get_scores(" ".join(found), " ".join(wanted))
        except ValueError:  # a text without words
            scores = {name: {"f": 0.0} for name in ("rouge-1", "rouge-2", "rouge-l")}
        for column, name in zip(columns[1:], ("rouge-1", "rouge-2", "rouge-l")):
            column.append(scores[name]["f"])
    success = (1 - errors / len(rows)) * 100
    means = [fmean(column) if column else 0 for column in columns]
    names = ("bleu", "rouge_1", "rouge_2", "rouge_l")
    parts = {"existence": 100 * f1, **{name: 100 * mean for name, mean in zip(names, means)}}
    return {"score": fmean([success * f1, *(success * mean for mean in means)]), **parts, "success": success}


def results(text):
    matches = list(re.finditer(r"(?<=<Result>).+?(?=</Result>)", text, re.DOTALL))
    rows = json.loads(matches[-1].group(0).strip().lstrip("`json").rstrip("`"))
    assert isinstance(rows, list)
    last = {}
    for row in rows:
        assert isinstance(row["Option"], str)
        assert isinstance(row["Reason"], str)
        last[row["Option"]] = row["Reason"]
    return list(last)


DELETED = ":_`，。：？！()“”；’《》·、,「」（）－～『』|"


def plain(text):
    return "".join(character for character in text.lower() if character not in DELETED)


def glued(text):
    tokens, run = [], ""
    for character in text:
        chinese = any(
            first <= ord(character) <= last
            for first, last in (
                (0x3400, 0x4DBF),
                (0x4E00, 0x9FFF),
                (0xF900, 0xFAFF),
                (0x20000, 0x2A6DF),
                (0x2A700, 0x2CEAF),
                (0x2F800, 0x2FA1F),
            )
        )
        if chinese or character == "=":
            tokens += [run, character] if run else [character]
            run = ""
        else:
            run += character
    return [*tokens, run] if run else tokens


def substring_f1(one, other):
    one, other = glued(plain(one)), glued(plain(other))
    longest = 0
    for i in range(len(one)):
        for j in range(len(other)):
            length = 0
            while i + length < len(one) and j + length < len(other) and one[i + length] == other[j + length]:
                length += 1
            longest = max(longest, length)
    if longest == 0:
        return 0
    precision, recall = longest / len(one), longest / len(other)
    return 2 * precision * recall / (precision + recall)


def complex_reading(predictions, rows):
    tp = fp = fn = errors = 0
    f1s, exacts = [], []
    for prediction, row in zip(predictions, rows):
        wanted = results(row["answer"])
        try:
            found = results(prediction)
        except Exception:
            errors += 1
            continue
        tp += bool(found and wanted)
        fp += bool(found and not wanted)
        fn += bool(wanted and not found)
        if found and wanted:
            f1s.append(fmean(max(substring_f1(mine, other) for other in wanted) for mine in found))
            exacts.append(fmean(any(plain(mine) == plain(other) for other in wanted) for mine in found))
        else:
            f1s.append(float(not found and not wanted))
            exacts.append(float(not found and not wanted))
    precision = tp / (tp + fp) if tp + fp else -1
    recall = tp / (tp + fn) if tp + fn else -1
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0
    success = (1 - errors / len(rows)) * 100
    parts = [max(f1, 0), fmean(f1s) if f1s else 0, fmean(exacts) if exacts else 0]
    return {"score": fmean(success * part for part in parts), "success": success}


def generated_queries(predictions, rows):
    scores = []
    for prediction, row in zip(predictions, rows):
        one, other = prediction, row["answer"]
        table = list(range(len(other) + 1))
        for i, letter in enumerate(one, 1):
            before, table[0] = table[0], i
            for j, wanted in enumerate(other, 1):
                before, table[j] = table[j], min(table[j] + 1, table[j - 1] + 1, before + (letter != wanted))
        scores.append(100 * (1 - table[-1] / max(len(one), len(other))))
    return {"anls": fmean(scores)}


EVALUATORS = {
    "note_taxonomy_single": lambda predictions, rows: accuracy(predictions, rows, long_label),
    "note_taxonomy_multiple": exact_paths,
    "note_hashtag_single": lambda predictions, rows: accuracy(predictions, rows, long_label),
    "note_hashtag_multiple": entities,
    "note_querycorr_explain": lambda predictions, rows: accuracy(predictions, rows, short_label),
    "note_querycorr_topic": topic_levels,
    "note_mrc_simple": simple_reading,
    "note_mrc_complex": complex_reading,
    "note_ner": entities,
    "note_gender": lambda predictions, rows: accuracy(predictions, rows, short_label),
    "note_chlw": highlight_words,
    "note_querygen": generated_queries,
}
