"""Label images in one piece: TIFF, MRC for IMOD, HDF5 for ilastik, precomputed for neuroglancer."""
