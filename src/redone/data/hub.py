"""Rows of public data sets from the Hugging Face hub, by its own client."""

from collections.abc import Mapping
from typing import Any

from redone.data.convert import converted


def hub_rows(hub: Mapping[str, Any], split: str = "test") -> tuple[str, list[Mapping[str, Any]]]:
    """Where they are from, and the rows of one split.

    `hub` holds what the client's load_dataset is told (path, name, data_dir, revision, and `split`, where it is to be
    another than the argument), and two keys of ours: `named`, columns of class numbers that are read by their names,
    and `convert`, rules that make the fields of the published files. No code of a data set is run: one that is a script
    is named by a revision that holds its rows, such as refs/convert/parquet. Raises ValueError.
    """
    try:
        import datasets
    except ImportError:
        raise ValueError("the hub needs its client: pip install 'redone[benchmarks]'; or give --data") from None
    told = {"split": split, **hub}
    rules, named = told.pop("convert", {}), told.pop("named", ())
    where = f"{told['path']} ({told['split']})"
    try:
        table = datasets.load_dataset(**told)
    except Exception as error:  # the client raises what its many backends raise
        raise ValueError(f"{where}: could not be loaded from the hub ({error}); give its folder with --data") from None
    names = {column: _names(table.features.get(column), f"{where}: column {column}") for column in named}
    rows = ({**row, **{column: _named(row[column], names[column]) for column in named}} for row in table)
    return where, [converted(row, rules, f"{where}: item {i}") for i, row in enumerate(rows)]


def _names(feature: Any, where: str) -> list[str]:
    """Of a column's classes, or of the items of a column of lists. Raises ValueError where it has none."""
    found = getattr(getattr(feature, "feature", feature), "names", None)
    if found is None:
        raise ValueError(f"{where} has no names of classes")
    return list(found)


def _named(value: Any, names: list[str]) -> Any:
    return [names[place] for place in value] if isinstance(value, list) else names[value]
