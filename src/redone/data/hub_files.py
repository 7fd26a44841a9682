"""Data files of the hub that a pack names as `hub:OWNER/NAME:SPLIT`: fetched by the hub's client, read as any others.

No code of a data set is run. What a name stands for is decided once a process, so that the splits of a task are of one
revision.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from redone.data.rows import numbered_rows

HUB = "hub:"
MAIN, CONVERTED = "main", "refs/convert/parquet"  # the second is the hub's own copy of a set as Parquet
_NAMED = re.compile(r"hub:([\w.-]+/[\w.-]+)(?:/([^/:@]+))?:([^/:@]+)(?:@(.+))?")
_KINDS = (".parquet", ".jsonl", ".json", ".csv", ".tsv")
_SHARD = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.")
_MOST_NAMED = 6  # files, in a sentence


class HubName(NamedTuple):
    repository: str
    config: str  # "" where the name has none
    split: str
    revision: str  # likewise


class Listing(NamedTuple):
    """What a repository holds at a revision."""

    commit: str
    paths: Sequence[str]
    configs: Sequence[Mapping[str, Any]] = ()  # that its card names


def hub_name(text: str) -> HubName:
    """Raises ValueError where a text that begins with `hub:` names no rows."""
    found = _NAMED.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text:.200}: rows of the hub are hub:OWNER/NAME:SPLIT or hub:OWNER/NAME/CONFIG:SPLIT, then @REVISION"
        )
    return HubName(*(part or "" for part in found.groups()))


def hub_file_rows(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, row) pairs; a place is the name with the commit that was read, and which of the rows it is, from 1.

    Raises ValueError in one sentence where the hub, the repository, the revision or the split is not there.
    """
    name = hub_name(text)
    where = text.removesuffix(f"@{name.revision}") if name.revision else text
    revision, commit, paths = _decided(where, name)
    number = 0
    for path in paths:
        for _, row in numbered_rows(_fetched(name.repository, revision, commit, path)):
            number += 1
            yield f"{where}@{commit}:{number}", row


@cache
def _decided(where: str, name: HubName) -> tuple[str, str, tuple[str, ...]]:
    """Revision, commit and files; the hub's own copy's where no revision is named and main has no such files."""
    first = _listed_at(where, name.repository, name.revision or MAIN)
    if paths := chosen(where, name, first):
        return name.revision or MAIN, first.commit, tuple(paths)
    if not name.revision:
        try:
            copy = _listed_at(where, name.repository, CONVERTED)
        except ValueError:
            copy = None
        if copy and (paths := chosen(where, name, copy)):
            return CONVERTED, copy.commit, tuple(paths)
    there = [path for path in first.paths if _kind(path)]
    shown = ", ".join(there[:_MOST_NAMED]) + (" and more" if len(there) > _MOST_NAMED else "")
    raise ValueError(f"{where}: no data file of that split is there; there are {shown or 'none at all'}")


def chosen(where: str, name: HubName, listing: Listing) -> list[str]:
    """The files of the split, none where there are none: those that the card names, or else those whose names or
    folders say the split, as in data/train-00000-of-00002.parquet.

    Raises ValueError where they are of several configurations or kinds, or some are missing.
    """
    data = [path for path in sorted(listing.paths) if _kind(path) and "/partial-" not in f"/{path}"]
    patterns = _patterns(where, name, listing.configs)
    if patterns is None:
        said = re.compile(rf"(^|[-._ ]){re.escape(name.split)}([-._ ]|$)")
        mine = [path for path in data if said.search(PurePosixPath(path).name)]
        mine = mine or [path for path in data if any(said.search(one) for one in PurePosixPath(path).parts[:-1])]
        mine = _of_config(where, name, mine)
    else:
        mine = [path for path in data if any(fnmatchcase(path, pattern) for pattern in patterns)]
    mine = [path for path in mine if _kind(path) == ".parquet"] or mine
    if len(kinds := {_kind(path) for path in mine}) > 1:
        raise ValueError(f"{where}: files of several kinds ({', '.join(sorted(kinds))}); name a revision that has one")
    _check_whole(where, mine)
    return mine


def _kind(path: str) -> str:
    """The ending of a data file; "" of other files."""
    plain = path.removesuffix(".gz")
    return next((kind for kind in _KINDS if plain.endswith(kind)), "")


def _patterns(where: str, name: HubName, configs: Sequence[Mapping[str, Any]]) -> list[str] | None:
    """Of the split's files, by the card; None where it does not say."""
    said = {str(one.get("config_name")): one for one in configs if one.get("data_files")}
    if not said:
        return None
    default = [key for key, one in said.items() if one.get("default") or key == "default"]
    wanted = name.config or ([*said] if len(said) == 1 else [*default, ""])[0]
    if wanted not in said:
        asked = "its configurations are" if name.config else "name one of its configurations"
        raise ValueError(f"{where}: {asked} {_listed(said, name)}")
    files = said[wanted]["data_files"]
    each = files if isinstance(files, list) else [files]
    if not all(isinstance(one, dict) for one in each):  # one split, which is called train
        return [str(one) for one in each] if name.split == "train" else []
    paths = [one.get("path", ()) for one in each if str(one.get("split")) == name.split]
    return [str(one) for mine in paths for one in (mine if isinstance(mine, list) else [mine])]


def _of_config(where: str, name: HubName, paths: Sequence[str]) -> list[str]:
    """Those of the name's configuration, by folders and beginnings of names; all where there is only one."""
    if name.config:
        begins = re.compile(rf"{re.escape(name.config)}([-._ ]|$)")
        return [p for p in paths if name.config in PurePosixPath(p).parts or begins.match(PurePosixPath(p).name)]
    folders = {_folder(path, name.split) for path in paths}
    if len(folders) > 1:
        raise ValueError(f"{where}: name one of its configurations {_listed(folders, name)}")
    return list(paths)


def _folder(path: str, split: str) -> str:
    return "/".join(part for part in PurePosixPath(path).parts[:-1] if part not in ("data", split))


def _listed(configs: Collection[str], name: HubName) -> str:
    known = sorted(config for config in configs if config)
    return f"{', '.join(known)}, as in hub:{name.repository}/{known[0]}:{name.split}"


def _check_whole(where: str, paths: Sequence[str]) -> None:
    counts: dict[tuple[str, int], int] = {}
    for path in paths:
        if shard := _SHARD.match(path):
            key = shard[1], int(shard[3])
            counts[key] = counts.get(key, 0) + 1
    for (begin, total), there in counts.items():
        if there != total:
            raise ValueError(f"{where}: {there} of the {total} files of {begin} are there; fetch it again, online")


def _listed_at(where: str, repository: str, revision: str) -> Listing:
    """Raises ValueError where the hub cannot be asked, or has no such thing."""
    try:
        return _listing(repository, revision)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


@cache
def _listing(repository: str, revision: str) -> Listing:
    """Of the cache, where the client is told to be offline (HF_HUB_OFFLINE)."""
    import huggingface_hub
    from huggingface_hub import constants

    told: Any = {"repo_type": "dataset", "revision": revision}
    try:
        if constants.HF_HUB_OFFLINE:
            folder = Path(huggingface_hub.snapshot_download(repository, local_files_only=True, **told))
            paths = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
            commit = folder.name
        else:
            info = huggingface_hub.HfApi().dataset_info(repository, revision=revision)
            paths, commit = [one.rfilename for one in info.siblings or ()], str(info.sha)
    except Exception as error:  # of whatever kind: the client raises what its connections and servers give
        raise ValueError(_why(error, revision)) from None
    cards = [path for path in paths if path == "README.md"]
    return Listing(commit, paths, *(_card(_fetched(repository, revision, commit, card)) for card in cards))


def _card(path: Path) -> Sequence[Mapping[str, Any]]:
    """The configurations that a data set's card names."""
    from huggingface_hub import metadata_load

    try:
        found = (metadata_load(path) or {}).get("configs", ())
    except Exception:  # a card is prose that may begin with anything
        return ()
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else ()


def _fetched(repository: str, revision: str, commit: str, path: str) -> Path:
    """The file in the client's cache. Raises ValueError where it cannot be fetched, or is of another commit by now."""
    from huggingface_hub import hf_hub_download

    try:
        file = Path(hf_hub_download(repository, path, repo_type="dataset", revision=revision))
    except Exception as error:  # as above
        raise ValueError(f"{path} of {repository}: {_why(error, revision)}") from None
    if commit not in file.parts:
        raise ValueError(f"{repository} changed while it was read; give the same command again, or name a @REVISION")
    return file


def _why(error: Exception, revision: str) -> str:
    from huggingface_hub import errors

    if isinstance(error, errors.RevisionNotFoundError):
        return f"the hub has no revision {revision} of it"
    if isinstance(error, errors.RepositoryNotFoundError):
        return "the hub has no such data set, or wants a token for it (HF_TOKEN)"
    if isinstance(error, errors.LocalEntryNotFoundError):
        return "it is not in the cache, and the hub cannot be asked (HF_HUB_OFFLINE)"
    return f"the hub could not be read ({type(error).__name__}: {' '.join(str(error).split()):.200})"
