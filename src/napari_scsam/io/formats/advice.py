"""What to do with files of formats that are not read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

READ = "OME-Zarr and zarr, TIFF, MRC, HDF5, DM3 and DM4, NRRD, N5, .ims, .npy, .raw, PNG or JPEG"
"""What is read, in short; docs/formats.md has all of it."""

FIJI = "open it in Fiji and save it as TIFF"

ADVICE: Mapping[str, str] = {
    **dict.fromkeys((".czi", ".lif", ".nd2", ".oib", ".oif", ".vsi"), FIJI),
    **dict.fromkeys(
        (".ser", ".emi"), "open it in Fiji with the plugin TIA Reader, save it as TIFF"
    ),
    ".bcf": "export the image as TIFF in Esprit",
    ".nii": "convert it to NRRD, in 3D Slicer or with SimpleITK",
    ".am": "save it as TIFF or MRC in Amira",
    ".hx": "save the image itself as TIFF or MRC in Amira",
    ".dat": "rename it to .raw and give its shape, as in cell.raw:40x512x512:uint8",
    ".jp2": FIJI,
    ".gif": FIJI,
    ".webp": FIJI,
    ".mat": "save the array as HDF5, in MATLAB with h5create and h5write",
    ".xml": "open the .h5 or .n5 that it describes",
    ".zarray": "open the folder that it is in",
    ".zgroup": "open the folder that it is in",
    ".zattrs": "open the folder that it is in",
    ".json": "open the folder that it is in",
    ".npz": "save the array in it as .npy, with numpy.save",
    ".pkl": "save the array in it as .npy, with numpy.save",
    ".wkw": "export it as OME-Zarr or TIFF in WEBKNOSSOS",
    ".knossos": "export it as OME-Zarr or TIFF in WEBKNOSSOS",
    ".b3d": FIJI,
    ".7z": "unpack it and open the result",
    ".tar": "unpack it and open the result",
    ".rar": "unpack it and open the result",
}
"""What to do, by the suffix."""


def unknown_format(file: Path) -> str:
    """Return a sentence on a file whose format is not read."""
    suffix = file.suffix.lower()
    what = f"{file} has no suffix that says its format"
    if suffix:
        what = f"{file} has the suffix {file.suffix!r}, which is not a known volume format"
    if file.name.lower().endswith((".nii.gz", ".nrrd.gz")):
        return f"{what}; {ADVICE['.nii']}"
    if suffix in (".gz", ".bz2", ".xz"):
        return f"{what}; unpack it and open the result"
    return f"{what}; {ADVICE.get(suffix, f'use {READ}')}"
