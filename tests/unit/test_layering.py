"""Imports point down. The table is the one of CONTRIBUTING.md; a new package needs a place in it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "src" / "redone"
FILES = sorted(ROOT.rglob("*.py"))

PURE = {
    "algo",
    "facts",
    "rewards",
    "method.findings",
    "method.plan",
    "watch.seen",
    "watch.progress",
    "watch.view",
    "track.news",
}
FLOOR = {"records", "files", "mistakes", "thinking", "texts", "cores"}
BELOW_SAMPLE = {"served", "sandbox", "rewards", "algo", "data", "model", "benchmark", *FLOOR}
BELOW_METHOD = {"sample", "run", "measure", "train", "report", *BELOW_SAMPLE}
# part -> what it may import besides itself
MAY_IMPORT = {
    "records": set(),
    "mistakes": {"texts"},
    "thinking": set(),
    "files": {"mistakes", "texts"},
    "texts": set(),
    "cores": set(),
    "packs": set(),
    "algo": set(),
    "settings": set(),
    "config": {"mistakes", "settings"},
    "served": {"data", *FLOOR},
    "sandbox": FLOOR,
    "facts": set(),
    "rewards": {"facts", "served", "sandbox", *FLOOR},
    "data": FLOOR,
    "model": {"data", *FLOOR},
    "benchmark": {"rewards", "data", "algo", *FLOOR},
    "sample": {"model", "data", *FLOOR},
    "run": {"config", "model", "data", "rewards", "sandbox", "served", *FLOOR},
    "measure": {"sample", "run", *BELOW_SAMPLE},
    "train": {"config", "sample", "run", *BELOW_SAMPLE},
    "report": {"measure", "train", "sample", "run", *BELOW_SAMPLE},
    "method": {"config", *BELOW_METHOD},
    "checks": {"measure", "sample", "run", *BELOW_SAMPLE},
    "world": {"data", *FLOOR},
    "world.pretrain": {"world", "measure", "train", "sample", "run", *BELOW_SAMPLE},  # a script of its own
    "experiment": {"config", "method", *BELOW_METHOD},
    "watch": {"method", *BELOW_METHOD},
    "track": {"watch", *BELOW_METHOD},
    "commands": {"track", "config", "experiment", "method", "checks", "world", *BELOW_METHOD},
    "api": {"commands", "config", *BELOW_METHOD},
    "__init__": {"api"},
    "cli": {"commands", "track", "config", "experiment", "watch", "method", "checks", "world", *BELOW_METHOD},
}
HEAVY = {"torch", "transformers", "tokenizers", "sklearn"}
MAY_BE_HEAVY = ("algo/", "model/", "sample/", "train/", "run/store.py", "method/targeted.py", "world/pretrain.py")
OUTSIDE = {"os", "sys", "io", "pathlib", "time", "random", "shutil", "tempfile", "subprocess", "socket", "logging"}


def dotted(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def part_of(path):
    name = dotted(path)
    return name if name in MAY_IMPORT else name.split(".")[0]


def imports(nodes):
    """The dotted names that the nodes import; of `from redone import cli` it is redone.cli."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_import(tree):
    """The nodes that run when the module is imported: not those in functions, nor those for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        only_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if not only_types and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield node
            yield from at_import(node)


def calls(tree):
    """The plain names that are called."""
    return {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def named(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_module_imports_only_what_lies_below_it(path):
    part = part_of(path)
    allowed = {part, part.split(".")[0], *MAY_IMPORT.get(part, ())}
    for name in imports(ast.walk(tree_of(path))):
        if name.split(".")[0] == "redone":
            assert name.split(".")[1] in allowed, f"{part} imports {name}"


@pytest.mark.parametrize("path", [path for path in FILES if part_of(path) != "facts"], ids=named)
def test_nothing_but_its_border_is_used_of_the_facts(path):
    found = {name for name in imports(ast.walk(tree_of(path))) if name.startswith("redone.facts")}
    assert found <= {"redone.facts.fidelity", "redone.facts.Fidelity"}


def test_every_part_has_its_place_in_the_table():
    parts = {part_of(path) for path in FILES}
    assert parts == set(MAY_IMPORT)


def test_the_table_has_no_circle():
    order: list[str] = []
    while len(order) < len(MAY_IMPORT):
        free = [part for part in MAY_IMPORT if part not in order and MAY_IMPORT[part] <= set(order)]
        assert free, f"a circle among {set(MAY_IMPORT) - set(order)}"
        order += free


@pytest.mark.parametrize("path", FILES, ids=named)
def test_nothing_heavy_is_imported_before_it_is_needed(path):
    if not named(path).startswith(MAY_BE_HEAVY):
        found = {name.split(".")[0] for name in imports(at_import(tree_of(path)))}
        assert not found & HEAVY


@pytest.mark.parametrize("path", [path for path in FILES if PURE & {part_of(path), dotted(path)}], ids=named)
def test_what_is_pure_reaches_for_nothing_outside(path):
    tree = tree_of(path)
    assert not {name.split(".")[0] for name in imports(ast.walk(tree))} & OUTSIDE
    assert not calls(tree) & {"open", "print", "input"}


@pytest.mark.parametrize("path", [path for path in FILES if named(path) != "sandbox/roles.py"], ids=named)
def test_no_text_is_run_as_code_outside_the_sandbox(path):
    assert not calls(tree_of(path)) & {"eval", "exec", "compile", "__import__"}


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_module_is_one_idea_and_a_function_fits_on_a_page(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 450
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno - node.lineno < 60, node.name


def test_no_two_test_files_have_one_name():
    """pytest imports them by their names alone."""
    names = [path.name for path in (ROOT.parents[1] / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
