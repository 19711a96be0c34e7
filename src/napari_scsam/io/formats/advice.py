"""What to do with files of formats that are not read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

READ = "OME-Zarr and zarr, TIFF, MRC, HDF5, DM3 and DM4, NRRD, N5, .ims, .npy, .raw, PNG or JPEG"
"""What is read, in short; docs/formats.md has all of it."""

FIJI = "open it in Fiji and save it as TIFF"

FRAMES = "open it in Fiji, choose its frames and save them as TIFF"

SLICER = "convert it to NRRD, in 3D Slicer or with SimpleITK"

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
"""First bytes of HDF5, which many programs call by a suffix of their own."""

ADVICE: Mapping[str, str] = {
    **dict.fromkeys((".czi", ".lif", ".nd2", ".oib", ".oif", ".oir", ".vsi", ".ets"), FIJI),
    **dict.fromkeys((".svs", ".ndpi", ".scn", ".vms", ".lsm", ".stk", ".zvi", ".sld"), FIJI),
    **dict.fromkeys((".dv", ".r3d", ".sif", ".spi", ".dm2", ".klb", ".gwy", ".jxl"), FIJI),
    **dict.fromkeys((".ppm", ".tga", ".psd", ".jpf", ".avif", ".heic"), FIJI),
    **dict.fromkeys((".avi", ".mp4", ".mov"), FRAMES),
    **dict.fromkeys((".mha", ".mhd", ".img", ".hdr", ".vtk", ".mnc", ".dcm", ".mgz"), SLICER),
    **dict.fromkeys((".txm", ".xrm"), "export it as TIFF in the program of the microscope"),
    ".em": "convert it to MRC, with em2mrc of Bsoft or e2proc3d.py of EMAN2",
    ".eer": "sum its frames into an MRC, with MotionCor3 or RELION",
    ".blo": "open it in HyperSpy and save its image as TIFF",
    ".zspy": "open it in HyperSpy and save its image as TIFF",
    **dict.fromkeys(
        (".ser", ".emi"), "open it in Fiji with the plugin TIA Reader, save it as TIFF"
    ),
    ".bcf": "export the image as TIFF in Esprit",
    **dict.fromkeys((".nii", ".mgh", ".gipl"), SLICER),
    ".am": "save it as TIFF or MRC in Amira",
    ".hx": "save the image itself as TIFF or MRC in Amira",
    ".dat": "rename it to .raw and give its shape, as in cell.raw:40x512x512:uint8",
    ".gif": FIJI,
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
    if suffix in (".gz", ".bz2", ".xz", ".zst"):
        return f"{what}; unpack it and open the result"
    if suffix not in ADVICE and _is_hdf5(file):
        return f"{what}; it is HDF5, so rename it to {file.stem}.h5"
    return f"{what}; {ADVICE.get(suffix, f'use {READ}')}"


def _is_hdf5(file: Path) -> bool:
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return opened.read(len(HDF5_SIGNATURE)) == HDF5_SIGNATURE
