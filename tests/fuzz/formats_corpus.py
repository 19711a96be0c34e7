"""Small whole files of the formats that are read by few, which the fuzzer damages."""

from __future__ import annotations

from pathlib import Path

from kinds.arrays import array_kinds
from kinds.containers import container_kinds
from kinds.tiffs import picture_kinds, tiff_kinds

CHOSEN = (
    *("DM3", "DM4", "NRRD of ITK, gzip", "NRRD with units", ".npy", ".mrc.gz", ".mrc.bz2"),
    *("MRC, 4 bits", "MRC, axes 3, 1, 2", "MRC without a stamp", "Imaris", "EMD of Berkeley"),
    *("EMD of Velox", "HDF5 of BigDataViewer", "N5, gzip", "N5, blosc, levels in a group"),
    *("precomputed", "OME-Zarr in .ozx", "OME-Zarr, axes x, y, z", "zarr array of funlib"),
    *("TIFF, Thermo Fisher (FEI)", "TIFF, Zeiss", "TIFF, palette of greys", "BMP"),
    *("TIFF, RGB in planes, equal", "PNG, palette of greys"),
)
"""Names of kinds in the table of formats."""


def write_formats(folder: Path) -> None:
    """Write one file of each kind, in a folder of its own where it is one."""
    kinds = [*array_kinds(), *container_kinds(), *tiff_kinds(), *picture_kinds()]
    by_name = {kind.name: kind for kind in kinds}
    for number, name in enumerate(CHOSEN):
        made = folder / f"made_{number}"
        made.mkdir()
        path = Path(by_name[name].write(made))
        path.rename(folder / f"{number}_{path.name}")
        for other in made.iterdir():
            other.unlink()
        made.rmdir()
