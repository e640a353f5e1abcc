"""From the pictures a user has on disk, in class folders or named in a table, to rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fairlead.data.columns import Columns
from fairlead.data.nuisances import MaskFiles, Nuisances
from fairlead.data.pictures import FilePictures
from fairlead.data.rows import RawRows
from fairlead.data.splitting import SPLIT_NAMES
from fairlead.data.table import Table
from fairlead.errors import ConfigurationError, DataError, UnknownNameError
from fairlead.preprocessing import IMAGE_SUFFIXES
from fairlead.records import Split, natural_order


def read_rows(source: str | Path, columns: Columns) -> RawRows:
    """Reads a folder of class folders, or a table of paths and labels.

    Raises:
        DataError: neither, or one that cannot be used; the message names the file or rows and the remedy.
        UnknownNameError: a column that is not there.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        return _read_folder(path, columns)
    if path.is_file():
        return _read_table(path, columns)
    near = natural_order(item.name for item in path.parent.iterdir()) if path.parent.is_dir() else ()
    if near:
        raise UnknownNameError("file or folder", path.name, near, where=str(path.parent))
    raise DataError(f"there is no file or folder {path}; name a table of pictures or a folder of class folders")


def list_pictures(path: Path, columns: Columns) -> FilePictures:
    """Lists the pictures below a folder, or those a table names, labelled or not: what a prediction needs.

    Raises:
        DataError: there are none, or some of those named are missing.
    """
    if path.is_dir():
        files, _ = _pictures_below(path)
        if not files:
            raise DataError(f"{path} holds no pictures; their names end in {', '.join(sorted(IMAGE_SUFFIXES))}")
        return FilePictures(files, path)
    if not path.is_file():
        raise DataError(f"there is no file or folder {path}; name a folder of pictures or a table of their paths")
    return _files_of(Table.read(path), path, columns)


def _read_table(path: Path, columns: Columns) -> RawRows:
    table = Table.read(path)
    names = table.complete(columns.label_of(table), "column")
    pictures = _files_of(table, path, columns)
    regions = {name: MaskFiles(_masks_of(table, path, name), pictures) for name in columns.regions}
    return RawRows(
        splits=columns.splits_of(table),
        items=pictures,
        names=names,
        sensitive={name: table.column(name) for name in columns.sensitive},
        source=path.name,
        nuisances=Nuisances(regions),
    )


def _masks_of(table: Table, path: Path, column: str) -> list[Path | None]:
    masks = [None if name is None else path.parent / Path(name).expanduser() for name in table.column(column)]
    missing = [row for row, mask in enumerate(masks) if mask is not None and not mask.is_file()]
    if missing:
        raise DataError(
            f"{len(missing)} masks named in column {column!r} of {path.name} are not there (row {missing[0] + 1}: "
            f"{masks[missing[0]]}); paths count from the table's folder {path.parent}"
        )
    return masks


def _files_of(table: Table, path: Path, columns: Columns) -> FilePictures:
    image = columns.image_of(table)
    root = path.parent
    named = [Path(name) for name in table.complete(image, "column")]
    files = [root / (name.expanduser() if name.parts[:1] == ("~",) else name) for name in named]
    missing = [row for row, file in enumerate(files) if not file.is_file()]
    if missing:
        shown = "; ".join(f"row {row + 1}: {files[row]}" for row in missing[:3])
        raise DataError(
            f"{len(missing)} of {len(files)} pictures named in column {image!r} of {path.name} are not there "
            f"({shown}{'; ...' if len(missing) > 3 else ''}); paths count from the table's folder {root}"
        )
    return FilePictures(files, root)


def _read_folder(root: Path, columns: Columns) -> RawRows:
    for what, named in (("sensitive features", columns.sensitive), ("masks of regions", columns.regions)):
        if named:
            raise ConfigurationError(
                f"a folder holds no {what}; name {', '.join(named)} as columns of a table of paths"
            )
    below = _folders(root)
    parts = _split_folders(root, below)
    if Split.TRAIN not in parts:
        files, names, notes = _read_classes(root, below)
        return RawRows(FilePictures(files, root), names, None, source=str(root), notes=notes)
    files, names, splits, notes = [], [], [], ()
    for split, folder in sorted(parts.items(), key=lambda part: list(Split).index(part[0])):
        # A class that val or test lacks changes nothing, be its folder absent or empty.
        below_split = [item for item in _folders(folder) if split is Split.TRAIN or _pictures_below(item)[0]]
        found, classes, said = _read_classes(folder, below_split)
        files += found
        names += classes
        splits += [split] * len(found)
        notes += said
    others = [folder.name for folder in below if folder not in parts.values()]
    if others:
        notes = (*notes, f"folders beside the splits are not read: {', '.join(others[:5])}")
    return RawRows(FilePictures(files, root), names, splits, source=str(root), notes=notes)


def _split_folders(root: Path, below: Sequence[Path]) -> dict[Split, Path]:
    """Finds the folders that are named as splits are.

    Raises:
        DataError: two of one split, or several splits without one to train on.
    """
    parts: dict[Split, Path] = {}
    for folder in below:
        split = SPLIT_NAMES.get(folder.name.casefold())
        if split in parts:
            raise DataError(
                f"{root} has the {split.value} split twice, as {parts[split].name} and {folder.name}; make one of them"
            )
        if split is not None:
            parts[split] = folder
    if len(parts) > 1 and Split.TRAIN not in parts:  # one alone may be the name of a class
        names = ", ".join(folder.name for folder in parts.values())
        raise DataError(f"{root} has the splits {names} and none to train on; name that folder 'train'")
    return parts


def _read_classes(root: Path, folders: Sequence[Path]) -> tuple[list[Path], list[str], tuple[str, ...]]:
    if not folders:
        raise DataError(
            f"{root} holds no class folders with pictures; put the pictures of each class in a folder named after it, "
            "or name a table of paths and labels"
        )
    files: list[Path] = []
    names: list[str] = []
    others = 0
    for folder in folders:
        found, ignored = _pictures_below(folder)
        others += ignored
        if not found:
            raise DataError(f"the class folder {folder} holds no pictures; add some, or remove the folder")
        files += found
        names += [folder.name] * len(found)
    notes = (f"{others} files below {root} are no pictures by their names and were left out",) if others else ()
    return files, names, notes


def _folders(root: Path) -> list[Path]:
    """Lists folders, without hidden ones: a notebook's checkpoints are no class."""
    found = {item.name: item for item in root.iterdir() if item.is_dir() and not item.name.startswith((".", "__"))}
    return [found[name] for name in natural_order(found)]


def _pictures_below(folder: Path) -> tuple[list[Path], int]:
    """Lists the pictures below a folder, in natural order, and counts the other files."""
    files = [
        file
        for file in folder.rglob("*")
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    ]
    found = {file.relative_to(folder).as_posix(): file for file in files if file.suffix.lower() in IMAGE_SUFFIXES}
    return [found[name] for name in natural_order(found)], len(files) - len(found)
