"""Where pictures go: into the folder that was given, and never over a file that is there."""

from pathlib import Path

from nnxp._checks import Words, message

__all__ = ["picture_paths"]


def picture_paths(folder: Path, *names: str) -> list[Path]:
    """Make the folder, and return the path of a PNG file for each name; FileExistsError if one is there already."""
    paths = [folder / f"{name}.png" for name in names]
    for path in paths:
        if path.exists():
            raise FileExistsError(
                message("reproduce", f"no {path.name} in {folder}", Words("one"), "give another folder")
            )
    folder.mkdir(parents=True, exist_ok=True)
    return paths
