"""Read and write JSON files.

`replace_json` is for a file that may be there already. `write_json` is for a file in a folder that
is a draft itself, and is replaced as a whole.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from napari_scsam.atomic import replacing


def read_json(path: Path) -> Any:
    """Read a JSON file; None when it is missing or damaged."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def read_json_object(path: Path) -> dict[str, Any] | None:
    """Read a JSON object; None when the file is missing, damaged or holds something else."""
    found = read_json(path)
    if isinstance(found, dict):
        return found
    return None


def write_json(path: Path, values: Any, *, indent: int | None = 2) -> None:
    """Write a JSON file, with a line for each value unless `indent` is None."""
    path.write_text(json.dumps(values, indent=indent) + "\n", encoding="utf-8")


def replace_json(path: Path, values: Any, *, indent: int | None = 2) -> None:
    """Write a JSON file as `write_json` does; a crash loses neither the old nor the new.

    Raises
    ------
    OSError
        When the file cannot be written; the old one is unchanged.
    """
    with replacing(path) as draft:
        write_json(draft, values, indent=indent)
