"""Kernels: CUDA sources compiled at run time, each with a plain PyTorch twin that specifies it."""
