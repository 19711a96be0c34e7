"""Write a checkpoint as a package of bioimage.io: the network as ONNX, with card and test tensors.

The format is that of model descriptions 0.5, https://bioimage-io.github.io/spec-bioimage-io.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_scsam.atomic import replacing
from napari_scsam.checkpoints.export.onnx_file import INPUT, OPSET, OUTPUT, ClassMaps, onnx_bytes
from napari_scsam.checkpoints.export.readme import readme
from napari_scsam.io.contrast import PERCENTILES
from napari_scsam.version import __version__

if TYPE_CHECKING:
    from napari_scsam.checkpoints.card import CheckpointInfo
    from napari_scsam.model import ScSAM

FORMAT = "0.5.4"
"""Version of the format of model descriptions."""

PROJECT = "https://github.com/napari-scsam/napari-scsam"

CITE = (
    {
        "text": "Fang et al. 2025, ScSAM: class-prompted segmentation of subcellular structures",
        "url": "https://arxiv.org/abs/2507.17149",
    },
    {"text": "Kirillov et al. 2023, Segment Anything", "url": "https://arxiv.org/abs/2304.02643"},
)

EPSILON = 1e-6
"""What bioimage.io adds to a range."""

SPDX = re.compile(r"[A-Za-z][A-Za-z0-9]*-[A-Za-z0-9.+-]*\d[A-Za-z0-9.+-]*|MIT|ISC|Unlicense|Zlib")
"""Identifiers of SPDX, such as BSD-3-Clause; other licences become a file of the package."""

TIME = (1980, 1, 1, 0, 0, 0)
"""Of the files in a package, so that one checkpoint gives one package."""


@dataclass(frozen=True)
class Package:
    """The files of a package, by name."""

    files: Mapping[str, bytes]

    def write(self, path: Path) -> None:
        """Write a zip file, atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as draft, zipfile.ZipFile(draft, "w") as archive:
            for name, content in self.files.items():
                entry = zipfile.ZipInfo(name, TIME)
                archive.writestr(entry, content, zipfile.ZIP_DEFLATED)


def make_package(
    model: ScSAM, info: CheckpointInfo, tile: int, licence: str | None = None
) -> Package:
    """Make the package of a checkpoint.

    Parameters
    ----------
    model
        From `load_checkpoint`, on the CPU.
    info
        Its card.
    tile
        Side of the network's input, in pixels.
    licence
        An identifier of SPDX, or a text; that of the card when not given.

    Raises
    ------
    UserError
        As `check_exportable`.
    """
    weights = onnx_bytes(model, tile)
    grey = example(tile)
    with torch.inference_mode():
        logits = ClassMaps(model)(torch.from_numpy(stretched(grey))).numpy()
    files = {
        "weights.onnx": weights,
        "test_input.npy": _npy(grey),
        "test_output.npy": _npy(logits),
        "README.md": readme(model, info).encode(),
    }
    stated: str | dict[str, str] = licence or info.licence
    if not SPDX.fullmatch(str(stated)):
        files["LICENSE.txt"] = f"{stated}\n".encode()
        stated = _file("LICENSE.txt", files)
    described = {**_describe(model, info, tile, files), "license": stated}
    # JSON is YAML, too.
    files["rdf.yaml"] = json.dumps(described, indent=2, ensure_ascii=False).encode()
    return Package(files)


def example(tile: int) -> NDArray[np.float32]:
    """Return a picture of noise with soft spots, 1×1×H×W in 0..255, the same on every machine."""
    rows, columns = np.mgrid[:tile, :tile].astype(np.float32)
    waves = np.sin(rows / 7) * np.cos(columns / 11) + 0.5 * np.sin((rows + columns) / 23)
    noise = np.random.default_rng(0).normal(0, 0.3, (tile, tile))
    grey = np.clip(128 + 50 * (waves + noise), 0, 255).round().astype(np.float32)
    picture: NDArray[np.float32] = grey[None, None]
    return picture


def stretched(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring the percentiles of an image to 0 and 1, as the description says."""
    low, high = np.percentile(grey, PERCENTILES)
    values = (grey - low) / (high - low + EPSILON)
    clipped: NDArray[np.float32] = np.clip(values, 0, 1).astype(np.float32)
    return clipped


def _npy(values: NDArray[np.float32]) -> bytes:
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()


def _file(name: str, files: Mapping[str, bytes]) -> dict[str, str]:
    return {"source": name, "sha256": hashlib.sha256(files[name]).hexdigest()}


def _describe(
    model: ScSAM,
    info: CheckpointInfo,
    tile: int,
    files: Mapping[str, bytes],
) -> dict[str, Any]:
    """Return the description of a model, as plain JSON values."""
    return {
        "type": "model",
        "format_version": FORMAT,
        "name": f"ScSAM {info.name}".replace("_", " "),
        "description": (info.summary or "Organelles in electron microscopy.")[:1024],
        "authors": [{"name": "The napari-scsam developers"}],
        "cite": [dict(one) for one in CITE],
        "git_repo": PROJECT,
        "documentation": "README.md",
        "tags": ["electron-microscopy", "organelles", "semantic-segmentation", "2d", "scsam"],
        "version": __version__,
        "inputs": [_input(model, tile, files)],
        "outputs": [_output(model, files)],
        "weights": {"onnx": {**_file("weights.onnx", files), "opset_version": OPSET}},
        "config": {"napari_scsam": _config(model, info)},
    }


def _input(model: ScSAM, tile: int, files: Mapping[str, bytes]) -> dict[str, Any]:
    low, high = PERCENTILES
    sides = [{"type": "space", "id": axis, "size": tile, **_scale(model)} for axis in "yx"]
    stretch = {
        "id": "scale_range",
        "kwargs": {
            "axes": ["channel", "y", "x"],
            "min_percentile": low,
            "max_percentile": high,
            "eps": EPSILON,
        },
    }
    return {
        "id": INPUT,
        "description": "Grey values of electron microscopy; membranes are dark.",
        "axes": [
            {"type": "batch", "size": 1},
            {"type": "channel", "channel_names": ["grey"]},
            *sides,
        ],
        "data": {"type": "float32"},
        "test_tensor": _file("test_input.npy", files),
        "preprocessing": [stretch, {"id": "clip", "kwargs": {"min": 0.0, "max": 1.0}}],
    }


def _output(model: ScSAM, files: Mapping[str, bytes]) -> dict[str, Any]:
    names = [spec.name.replace(" ", "_") for spec in model.classes]
    size = {"tensor_id": INPUT}
    sides = [
        {"type": "space", "id": axis, "size": {**size, "axis_id": axis}, **_scale(model)}
        for axis in "yx"
    ]
    return {
        "id": OUTPUT,
        "description": "Logits of the classes; that of the background is 0.",
        "axes": [
            {"type": "batch", "size": 1},
            {"type": "channel", "channel_names": names},
            *sides,
        ],
        "data": {"type": "float32"},
        "test_tensor": _file("test_output.npy", files),
    }


def _scale(model: ScSAM) -> dict[str, Any]:
    nm = model.config.nm_per_pixel
    return {} if nm is None else {"scale": nm, "unit": "nanometer"}


def _config(model: ScSAM, info: CheckpointInfo) -> dict[str, Any]:
    return {
        "classes": [spec.to_dict() for spec in model.classes],
        "thresholds": [float(value) for value in model.thresholds],
        "training": dict(info.training),
        "checkpoint": info.name,
    }
