"""The programs that images are exported to."""

# a module of that name has NAME_files(DataSet, path of the images) and NAME_advice(DataSet)
PROGRAMS = ("dials", "crystfel", "xds")
HAS_FILTERS = ("xds",)  # the plugins that read HDF5 for it unpack by themselves
