"""A hook of mkdocs, for links that a site cannot have."""

import re
from typing import Any


def on_page_markdown(markdown: str, **given: Any) -> str:
    """The page without links that lead out of docs/: a site has no such files."""
    return re.sub(r"\[([^\]]*)\]\(\.\./[^)]*\)", r"\1", markdown)
