"""HDF5 files of others, read with care, and groups and fields of our own."""
