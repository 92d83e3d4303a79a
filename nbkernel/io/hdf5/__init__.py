"""HDF5 files of other programs, read with care, and writing groups and fields."""
