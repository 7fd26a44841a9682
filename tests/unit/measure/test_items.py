import json
import math

from redone.files import write_jsonl
from redone.measure.items import Item, item_line, read_items
from redone.records import Verdict


def test_a_part_that_is_no_number_is_null_on_disk_and_comes_back(tmp_path):
    verdict = Verdict(0.5, "wrong", {"found": math.nan, "hits": 1.0})
    item = Item("one", "one/0", "", {"plain": (verdict,)})
    write_jsonl(tmp_path / "items.jsonl", [item_line("set", item)])
    json.loads((tmp_path / "items.jsonl").read_text(encoding="utf-8"), parse_constant=lambda word: 1 / 0)
    [back] = read_items(tmp_path / "items.jsonl")["set"].values()
    [found] = back.readings["plain"]
    assert math.isnan(found.parts["found"])
    assert (found.parts["hits"], found.score) == (1.0, 0.5)
