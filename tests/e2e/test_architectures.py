"""Small random models of transformers' architectures against the plainest loop, as docs/architectures.md has them."""

import re
import runpy
import warnings
from pathlib import Path

import pytest
import transformers

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "architectures.md").read_text(encoding="utf-8")
SAID = dict(re.findall(r"^\| `([\w-]+)` \| \w+ \| (.*?) \|", PAGE, re.MULTILINE))
MADE = runpy.run_path(str(DOCS / "generate_architectures.py"))
SOME = ("llama", "gpt2", "mistral", "diffllama", "mamba", "recurrent_gemma", "bert", "rwkv")
NOT_TRIED = re.findall(r"[\w-]+", PAGE.rpartition("too slow: ")[2])


@pytest.mark.parametrize(
    "kind", [pytest.param(k, marks=() if k in SOME else pytest.mark.slow) for k in MADE["kinds"]()]
)
def test_an_architecture_is_served_rightly_or_refused_as_the_page_says(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of transformers, on some of its own models
        row = MADE["row"](kind)
    assert all(gap <= bound for gap, bound in zip(row.gaps, MADE["BOUNDS"]))
    if f"transformers {transformers.__version__} reads" in PAGE:
        assert re.sub(r"[\d.]+ in", "so much in", row.path) == re.sub(r"[\d.]+ in", "so much in", SAID.get(kind, ""))


@pytest.mark.skipif(
    f"transformers {transformers.__version__} reads" not in PAGE, reason="the page is of another version"
)
def test_the_page_has_every_architecture():
    assert sorted([*SAID, *NOT_TRIED]) == sorted({*MADE["kinds"](), *MADE["SLOW"]})
