"""Do the CUDA kernels compute what their plain twins do, and how much sooner?"""
