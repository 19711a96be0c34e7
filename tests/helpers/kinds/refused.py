"""Kinds of file that are not read: what is said instead."""

from __future__ import annotations

REFUSED = (
    *(".czi", ".lif", ".nd2", ".oib", ".vsi", ".ser", ".emi", ".bcf", ".nii", ".nii.gz"),
    *(".am", ".dat", ".gif", ".mat", ".npz", ".wkw", ".7z", ".tif.gz", ".xyz"),
    *(".svs", ".lsm", ".stk", ".dcm", ".mha", ".txm", ".eer", ".em", ".avi"),
    *(".mgz", ".gipl", ".vtk", ".mrc.xz", ".tar", ".pkl", ".hx"),
)
