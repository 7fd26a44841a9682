"""Which code of an answer counts: of its fenced blocks the last that parses and has what is asked for."""

import ast
import builtins
import re
import textwrap
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

LONGEST = 20_000  # characters of code
MOST_BLOCKS = 50  # of an answer, the last of them
_LINE_END = re.compile(r"\r\n?|\n")
_FENCE = re.compile(r"(?P<before>.*?)(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)")
_LONG_FENCE = re.compile(r"(?m)^[ \t]*`{4,}")
_MARGIN = re.compile(r"[\s>]*(?:[-*+]|[0-9]{1,9}[.)])?\s*")  # of a quotation, or of an item of a list
_LANGUAGE = re.compile(r"[\s{.]*([a-z]*)")
_PYTHON = frozenset("python py pycon ipython".split())
_PROMPT = re.compile(r"\s*(?:>>>|\.\.\.)(?: |$)")
_MOST_CLOSINGS = 6  # fences that the strings of one block may hold
_PARAGRAPH = re.compile(r"\n[ \t]*\n(?=\S)")
_MOST_PARAGRAPHS = 10  # of prose behind code
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_BUILT_IN = frozenset(dir(builtins))
_WRITES, _READS = frozenset({"print", "write", "writelines"}), frozenset({"input", "stdin", "open", "fileinput"})


@dataclass(frozen=True, eq=False)
class Block:
    """What stands between two fences, less the margin of the first."""

    text: str
    rank: int  # by its info string: 2 is Python in any spelling, 1 nothing, 0 another language

    @cached_property
    def code(self) -> str:
        """What of it is Python: the text, the text moved to the left, or what stands behind the prompts of a session;
        the text where nothing is."""
        readings: tuple[Callable[[str], str], ...] = (str, textwrap.dedent, _without_prompts)
        return next((code for reading in readings if parsed(code := reading(self.text))), self.text)

    @cached_property
    def tree(self) -> ast.Module:
        return parsed(self.code) or ast.Module([], [])

    @cached_property
    def defined(self) -> frozenset[str]:
        """The names that it gives a value, those inside its functions and classes left out."""
        return frozenset(_bound(self.tree, inside=False))

    @cached_property
    def names(self) -> frozenset[str]:
        """All names and attributes that it uses."""
        return frozenset(getattr(node, "id", getattr(node, "attr", "")) for node in ast.walk(self.tree))

    @cached_property
    def needed(self) -> frozenset[str]:
        """The names that it uses, but neither gives a value nor finds built in."""
        used = {node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name)}
        return frozenset(used - set(_bound(self.tree, inside=True)) - _BUILT_IN)

    @property
    def prints(self) -> bool:
        """Whether it writes somewhere and calls something outside of its functions."""
        own = [part for part in self.tree.body if not isinstance(part, _SCOPES)]
        return bool(_WRITES & self.names) and any(isinstance(node, ast.Call) for part in own for node in ast.walk(part))


def defining(text: str, names: Collection[str]) -> str:
    """The code of the answer that defines these functions or classes.

    The whole text where it is Python or has no fence. Else the last block that defines all of them that any defines, or
    the last of each; a block of another language, by its info string, only where no other does. Before it comes what it
    uses and other blocks define. Where no block defines any of them, the last one that is Python.
    """

    def chosen(found: Sequence[Block]) -> str | None:
        for some in ([block for block in found if block.rank], found):
            if wanted := {name for name in names for block in some if name in block.defined}:
                whole = [block for block in some if block.defined >= wanted][-1:]
                last = {name: block for block in some for name in wanted & block.defined}
                return _with_needs(whole or [block for block in some if block in last.values()], found)
        return None

    return _chosen(text, chosen)


def running(text: str, reads: bool) -> str:
    """The code of the answer that is a program; `reads`: it has something to read.

    The whole text where it is Python or has no fence. Else, of the blocks that print, the last of those that are of no
    other language, need no name of another block, read where there is something to read, and are marked as Python: each
    goes before the next. Where it needs others, they come before it. Where none prints, the last that is Python.
    """

    def chosen(found: Sequence[Block]) -> str | None:
        def worth(place: int) -> tuple[bool, bool, bool, int, int]:
            block = found[place]
            alone = not any(block.needed & other.defined for other in found if other is not block)
            return bool(block.rank), alone, reads and bool(_READS & block.names), block.rank, place

        best = max((place for place, block in enumerate(found) if block.prints), key=worth, default=None)
        return None if best is None else _with_needs([found[best]], found)

    return _chosen(text, chosen)


def valued(text: str, names: Collection[str]) -> str:
    """The expression of the answer: the whole text where it is Python or has no fence, else the last block that is one,
    those that use any of the names before others, and those of another language last."""

    def chosen(found: Sequence[Block]) -> str | None:
        def worth(place: int) -> tuple[bool, bool, int, int]:
            block = found[place]
            return bool(block.rank), bool(block.needed & set(names)), block.rank, place

        best = max((i for i, b in enumerate(found) if _is_expression(b.tree)), key=worth, default=None)
        return None if best is None else found[best].code

    return _chosen(text, chosen)


def parsed(code: str) -> ast.Module | None:
    """The tree of the code, None where it is none, or no Python."""
    tree = _tree(code)
    return tree if isinstance(tree, ast.Module) and tree.body else None


def _tree(code: str) -> ast.Module | str:
    """The tree, or why there is none."""
    if len(code) > LONGEST:
        return f"more than {LONGEST} characters"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes and literals
            return ast.parse(code)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        return str(error)


def _chosen(text: str, choose: Callable[[Sequence[Block]], str | None]) -> str:
    """What is chosen of the blocks, or of those that there are if the prompt had opened the first, or if all fences had
    one length; else the last that is Python, or the last; and the whole text where it is Python or has no fence."""
    if parsed(text) or not ("```" in text or "~~~" in text):
        return text
    found = _blocks(text)
    for other in (text, f"```\n{text}", _LONG_FENCE.sub("```", text)):
        if (code := choose(found if other is text else _blocks(other))) is not None:
            return code
    python = [block for block in found if block.rank and block.tree.body] or found
    return python[-1].text if python else text


def _is_expression(tree: ast.Module) -> bool:
    return len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr)


def _with_needs(core: Sequence[Block], found: Sequence[Block]) -> str:
    """The code of these blocks after that of the others which define what they need: the nearest before, or else the
    first behind them."""
    taken, place = list(core), found.index(core[-1])
    near = [*reversed(found[:place]), *found[place + 1 :]]
    while True:
        lacking = {name for block in taken for name in block.needed} - {n for block in taken for n in block.defined}
        more = [
            next((b for mark in (name, "*") for b in near if b.rank and mark in b.defined and b not in taken), None)
            for name in sorted(lacking)
        ]
        if not any(more):
            return "\n".join(block.code for block in [*(b for b in found if b in taken and b not in core), *core])
        taken += dict.fromkeys(block for block in more if block)


def _bound(tree: ast.AST, inside: bool) -> Iterator[str]:
    """The names that get a value: "*" where a module's names do. `inside`: of functions and classes too."""
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, ast.alias):
            yield node.asname or node.name.split(".")[0]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif not isinstance(node, ast.keyword):
            names = (getattr(node, "name", None), getattr(node, "arg", None))
            yield from (name for name in names if isinstance(name, str))
        if inside or not isinstance(node, _SCOPES):
            left.extend(ast.iter_child_nodes(node))


def _blocks(text: str) -> list[Block]:
    """The fenced blocks that are not blank, in order, the last MOST_BLOCKS.

    As in Markdown, but a fence may be indented at will, one that says Python and one that closes may end a line, one
    with an info string opens a block even where one is open, and the last block needs no closing. A fence inside a
    string of a block, such as an example in its docstring, closes nothing. A block that is left open ends before the
    prose.
    """
    lines = _LINE_END.split(text)
    fences = [(place, fence) for place, line in enumerate(lines) if (fence := _FENCE.fullmatch(line))]
    blocks: list[Block] = []
    after = 0  # the first line that is not read yet
    for i, (place, opening) in enumerate(fences):
        if place < after or not _opens(opening):
            continue
        closings = (fence for fence in islice(fences, i + 1, None) if _closes(opening, fence[1]))
        ends: list[tuple[int, re.Match[str] | None]] = [*islice(closings, _MOST_CLOSINGS), (len(lines), None)]
        whole = (end for end in ends if not _breaks_a_string(_between(lines, place, opening, *end)))
        end, closing = next(whole, ends[0])
        code = _between(lines, place, opening, end, closing)
        closed = closing is not None and not closing["info"].strip()
        code = code if closed else _without_prose(code)
        blocks += [Block(code, _rank(opening["info"]))] if code.strip() else []
        after = end + closed
    return blocks[-MOST_BLOCKS:]


def _without_prose(code: str) -> str:
    """The code without its last paragraphs, as many as are no Python and not indented; all, where none is Python."""
    ends = [len(code), *(match.start() for match in reversed(list(_PARAGRAPH.finditer(code))))][:_MOST_PARAGRAPHS]
    return next((code[:end] for end in ends if parsed(textwrap.dedent(code[:end]))), code)


def _rank(info: str) -> int:
    language = _LANGUAGE.match(info.lower())
    known = language and (language[1] in _PYTHON or ".py" in info)
    return 2 if known else int(not (language and language[1]))


def _opens(fence: re.Match[str]) -> bool:
    return bool(_MARGIN.fullmatch(fence["before"])) or _rank(fence["info"]) == 2


def _closes(opening: re.Match[str], fence: re.Match[str]) -> bool:
    as_long = fence["fence"].startswith(opening["fence"])
    if not fence["info"].strip():
        return as_long
    return _opens(fence) and (as_long or _rank(opening["info"]) < 2)


def _between(lines: Sequence[str], place: int, opening: re.Match[str], end: int, closing: re.Match[str] | None) -> str:
    """The text behind the opening fence and before line `end`, which is the closing one where there is one."""
    margin = opening["before"] if _MARGIN.fullmatch(opening["before"]) else ""
    inside = lines[place + 1 : end]
    if closing and not _MARGIN.fullmatch(closing["before"]):
        inside = [*inside, closing["before"]]
    return "".join(f"{_less(line, margin)}\n" for line in inside)


def _less(line: str, margin: str) -> str:
    """The line without its margin, or what it has of it."""
    if ">" in margin:
        return line[len(margin) :] if line.startswith(margin.rstrip()) else line
    return line[min(len(margin), len(line) - len(line.lstrip())) :]


def _breaks_a_string(code: str) -> bool:
    """Whether the code ends inside a text between triple quotes."""
    if not ('"""' in code or "'''" in code):
        return False
    why = _tree(textwrap.dedent(code))
    return isinstance(why, str) and "unterminated triple-quoted" in why  # the parser's own words


def _without_prompts(text: str) -> str:
    lines = text.split("\n")
    return "\n".join(_PROMPT.sub("", line, count=1) for line in lines if _PROMPT.match(line))
