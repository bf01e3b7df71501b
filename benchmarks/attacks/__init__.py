"""What is left of the panel when finished pictures are changed to pass?"""
