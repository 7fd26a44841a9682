"""Code that a model's folder brings is not run, whatever is typed, unless the configuration says so."""

import json
import shutil
import sys

import pytest

from redone.commands.base import check_model, reader_for
from redone.config import load_config
from redone.data.encode import read_tokenizer
from redone.model import embedding
from redone.model.places import Place, load, loading
from redone.model.policy import Policy
from redone.train.memory import imagined

CODE = """
from pathlib import Path
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM
Path({mark!r}).touch()
class OwnConfig(Qwen3Config):
    model_type = "own"
class OwnModel(Qwen3ForCausalLM):
    config_class = OwnConfig
class OwnTokenizer(PreTrainedTokenizerFast):
    pass
"""


@pytest.fixture
def own(tmp_path, tiny_model, monkeypatch):
    """A folder whose model, and whose tokenizer, are of classes of its own, which touch the file `mark` beside it."""
    folder = tmp_path / "own"
    shutil.copytree(tiny_model, folder)
    (folder / "own.py").write_text(CODE.format(mark=str(tmp_path / "mark")))
    maps = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel", "AutoModel": "own.OwnModel"}
    changes = {
        "config.json": {"model_type": "own", "architectures": ["OwnModel"], "auto_map": maps},
        "tokenizer_config.json": {
            "tokenizer_class": "OwnTokenizer", "auto_map": {"AutoTokenizer": [None, "own.OwnTokenizer"]}
        },
    }  # fmt: skip
    for name, more in changes.items():
        written = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**written, **more}))
    monkeypatch.setattr("builtins.input", lambda *words: "y")
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    return folder


def entered(context):
    with context:
        pass


@pytest.mark.parametrize(
    "reads",
    [
        Policy.load,
        read_tokenizer,
        lambda folder: load(Place(folder)),
        lambda folder: entered(imagined(folder, "float32", 64)),
        lambda folder: check_model(load_config([]), folder),
        lambda folder: reader_for(load_config([]), "own", folder),
        lambda folder: embedding._load(str(folder)),
    ],
)
def test_the_code_of_a_folder_is_not_run_though_somebody_types_y(own, reads):
    said = r"it needs Python code .* set model\.trust_remote_code = true"
    with pytest.raises(ValueError, match=said), loading("own"):
        reads(own)
    assert not (own.parent / "mark").exists()


@pytest.mark.parametrize("key", ["_attn_implementation", "attn_implementation"])
def test_a_kernel_of_the_hub_is_code_too(tmp_path, tiny_model, key):
    shutil.copytree(tiny_model, tmp_path / "own")
    written = json.loads((tmp_path / "own" / "config.json").read_text())
    (tmp_path / "own" / "config.json").write_text(json.dumps({**written, key: "somebody/kernel"}))
    for reads in (Policy.load, lambda folder: reader_for(load_config([]), "own", folder)):
        with pytest.raises(ValueError, match=r"own.*names 'somebody/kernel', code on the hub"), loading("own"):
            reads(tmp_path / "own")


def test_it_is_run_where_the_configuration_says_so(own):
    config = load_config([], ["model.trust_remote_code=true", "model.max_context=64"])
    reader_for(config, "own", own)
    assert (own.parent / "mark").exists()
    assert type(Policy.load(own, trust=True).model).__name__ == "OwnModel"
    with imagined(own, "float32", 64, trust=True) as model:
        assert type(model.policy.model).__name__ == "OwnModel"
