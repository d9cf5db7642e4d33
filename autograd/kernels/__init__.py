"""Numba kernels: ndarrays in, ndarrays out. Nothing in this package knows what a Tensor is."""
