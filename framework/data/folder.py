"""A data set of image files, with one folder per class."""

from __future__ import annotations

import pathlib

import numpy as np

from framework.data import file_splits, files, formats
from framework.data.dataset import Dataset
from framework.data.files import Files
from framework.data.split import LazySplit
from framework.errors import RunError, UsageError
from framework.system import paths

# The first one that exists is used.
_VALIDATION_FOLDERS = ("validation", "val", "valid", "test")


def folder(
    path: str,
    size: int | tuple[int, int] = 64,
    validation: float = 0.2,
    seed: int = 0,
    channels: int = 3,
    skip_corrupt: bool = False,
    resize: str = "squash",
) -> Dataset:
    """Returns the images of a folder, read on demand.

    The folder has one sub-folder of image files per class, which are divided at random
    into training and validation images. Files are JPEG, PNG, WebP, BMP, GIF (the first
    frame) or TIFF; the EXIF orientation is applied. Or it has the folders `train`
    and `validation` (or val, valid, test), each with such sub-folders. A folder `test`
    beside both is the untouched test part. Classes are sorted by name.

    Args:
        path: The folder.
        size: The height and width in pixels to resize to, or both as (height, width).
        validation: Fraction of each class to use for validation, between 0 and 1, if
            there is no validation folder.
        seed: Seed of the random division.
        channels: 3 for RGB, 1 for greyscale.
        skip_corrupt: Leaves out unreadable files instead of stopping at the first one.
            All files are then read once at the start.
        resize: How images of another aspect ratio are fitted: "squash" changes it,
            "crop" cuts off both ends of the longer side, "pad" adds black bars.

    Raises:
        UsageError: There is no such folder, or an argument is out of range.
        RunError: There are fewer than two classes of images, the classes of the folders
            differ, or there is an image of a format that is not read.
    """
    pixels = files.checked_size(size)
    files.check_arguments(validation, channels, resize)
    root = pathlib.Path(paths.expand(path, "path"))
    if not root.is_dir():
        kind = "is not a folder" if root.exists() else "does not exist"
        raise UsageError(
            f"{str(path)!r} {kind}; give a folder with one sub-folder per class"
        )
    notes: list[str] = []

    def read(part: pathlib.Path) -> tuple[LazySplit, tuple[str, ...]]:
        paths, labels, names = _find_images(part, notes)
        split = LazySplit(Files(paths, pixels, channels, resize), labels)
        if skip_corrupt:
            split = file_splits.without_corrupt(split, notes)
            counts = np.bincount(split.labels, minlength=len(names))
            file_splits.check_classes(counts, names, str(part))
        return split, names

    validation_folder = _validation_folder(root, notes)
    test = None
    if validation_folder is None:
        whole, names = read(root)
        train, held_out = file_splits.divide(whole, validation, seed, names, notes)
    else:
        train, names = read(root / "train")
        held_out, other_names = read(validation_folder)
        _check_same_classes(names, other_names, validation_folder)
        if _has_test_part(root, validation_folder, notes):
            test, other_names = read(root / "test")
            _check_same_classes(names, other_names, root / "test")
    return Dataset(
        f"folder {path}",
        train,
        held_out,
        names,
        tuple(notes),
        is_split_drawn=validation_folder is None,
        test=test,
    )


def _validation_folder(root: pathlib.Path, notes: list[str]) -> pathlib.Path | None:
    """Returns the validation folder beside `train`; None if there is no `train`."""
    if not (root / "train").is_dir():
        return None
    present = [name for name in _VALIDATION_FOLDERS if (root / name).is_dir()]
    if not present:
        # A class named "train" has images in it; a training split has folders.
        if not any(map(_is_class, (root / "train").iterdir())):
            return None
        raise UsageError(
            f"'{root}' has a folder 'train' but none of "
            f"{', '.join(_VALIDATION_FOLDERS)}; add one, or give {root / 'train'} as "
            "the path to divide its images at random"
        )
    if present[0] != "validation":
        notes.append(f"the folder '{present[0]}' is used for validation")
    return root / present[0]


def _has_test_part(
    root: pathlib.Path, validation_folder: pathlib.Path, notes: list[str]
) -> bool:
    """Returns whether there is a folder `test` of classes besides that of validation.

    In some published data sets its images have no labels, and are in no class folders.
    """
    folder = root / "test"
    if validation_folder == folder or not folder.is_dir():
        return False
    if any(map(_is_class, folder.iterdir())):
        return True
    notes.append(f"'{folder}' has no class folders and is not used")
    return False


def _find_images(
    root: pathlib.Path, notes: list[str]
) -> tuple[tuple[str, ...], np.ndarray, tuple[str, ...]]:
    """Returns the image files of a folder, their labels and the class names."""
    children = sorted(root.iterdir())
    classes = [child for child in children if _is_class(child)]
    if not classes:
        raise UsageError(f"'{root}' has no folders in it; each class must have its own")
    entries = [sorted(child.iterdir()) for child in classes]
    images = [list(filter(formats.is_image, listed)) for listed in entries]
    others = [child for child in children if not _is_class(child)]
    for listed in entries:
        others += [entry for entry in listed if not formats.is_image(entry)]
    for entry in others:
        formats.check_ignored(entry)
    if others:
        notes.append(_ignored(root, others))
    counts = np.array([len(listed) for listed in images])
    names = tuple(child.name for child in classes)
    if not counts.any():
        known = ", ".join(formats.SUFFIXES)
        raise RunError(f"'{root}' has no image files in its folders ({known})")
    file_splits.check_classes(counts, names, str(root))
    paths = tuple(str(file) for listed in images for file in listed)
    return paths, np.repeat(np.arange(len(names), dtype=np.int32), counts), names


def _ignored(root: pathlib.Path, entries: list[pathlib.Path]) -> str:
    """Returns a notice of what is not used; images among it are counted as well."""
    text = f"{len(entries)} entries of '{root}' are not images of a class and were "
    text += f"ignored: {formats.count_kinds(entries)}"
    nested = sum(
        formats.is_image(path)
        for entry in entries
        if _is_class(entry)
        for path in entry.rglob("*")
    )
    if nested:
        text += f"; {nested:,} images are in folders inside the folder of a class"
    return text


def image_files(root: pathlib.Path) -> list[str]:
    """Returns the image files in a folder and in the folders inside it, sorted.

    Raises:
        RunError: There is an image of a format that is not read.
    """
    entries = sorted(root.rglob("*"))
    for path in entries:
        if not formats.is_image(path):
            formats.check_ignored(path)
    return [str(path) for path in entries if formats.is_image(path)]


def _is_class(path: pathlib.Path) -> bool:
    # Archives made on a Mac have a folder __MACOSX.
    return not path.name.startswith((".", "__")) and path.is_dir()


def _check_same_classes(
    train: tuple[str, ...], validation: tuple[str, ...], held_out: pathlib.Path
) -> None:
    different = sorted(set(train) ^ set(validation))
    if different:
        name = different[0]
        has, lacks = "train", held_out.name
        if name in validation:
            has, lacks = lacks, has
        raise RunError(
            f"'{held_out.parent}': class {name!r} is in '{has}' but not in '{lacks}'; "
            f"both must have the same folders; rename '{held_out.name}' to leave it out"
        )
