"""The engine of `double` and `mixed` on CUDA devices: one thread per pixel, in the functions of `fast`."""
