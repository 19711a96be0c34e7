"""Label images in one file: MRC for IMOD and Amira, HDF5 for ilastik and Fiji, and TIFF."""
