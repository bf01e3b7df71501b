"""Other people's checkpoints, read without running a line of them, and written back.

    file ─ reading.py ─→ Checkpoint (networks under NVIDIA's names) ─→ family | named.py | rosinality.py

`pickles.py` and `archives.py` are the gate: everything that is pickled passes through them first.
"""
