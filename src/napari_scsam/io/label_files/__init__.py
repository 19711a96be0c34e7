"""Label images in one piece: MRC for IMOD and Amira, HDF5 for ilastik and Fiji, TIFF, precomputed."""
