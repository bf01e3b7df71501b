"""A file of somebody else's networks: which kind it is, its content says, not its name."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from forensics.refusal import Refusal
from generators.interop import archives, named, nvidia, pickles, rosinality, tensorflow
from generators.interop.networks import Checkpoint

SUFFIXES = (".pkl", ".pickle", ".pt", ".pth")
PICKLED = b"\x80"  # protocol 2 and later


def is_theirs(path: Path) -> bool:
    """Whether a file of weights is for `read`, and not one of our own. Raises Refusal where it cannot be read."""
    start = start_of(path)
    if is_safetensors(path, start):
        return named.holds(path)
    return path.suffix in SUFFIXES or start.startswith(PICKLED) or archives.is_archive(start)


def start_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(16)
    except OSError as error:
        raise Refusal(f"{path} cannot be read ({error.strerror})") from None


def is_safetensors(path: Path, start: bytes) -> bool:
    """By its name, or by its JSON after eight bytes, the first of which may be those of a pickle."""
    return path.suffix == ".safetensors" or (start[8:9] == b"{" and path.suffix not in SUFFIXES)


def read(path: Path) -> Checkpoint:
    """The networks of NVIDIA's pickles, PyTorch's and TensorFlow's, of rosinality's `.pt`, or of `named.write`.

    Raises Refusal, in one line, for anything else, for a file that is damaged or hostile, and as its kind does.
    Nothing in it is run, and no more memory is used than a few times its size.
    """
    of = str(path)
    if is_safetensors(path, start_of(path)):
        return named.checkpoint(path)
    data = pickles.file_bytes(path)
    budget = pickles.Budget(len(data))
    if archives.is_archive(data[:16]):
        content = archives.load(data, of, budget)
        if rosinality.holds(content):
            return rosinality.checkpoint(content, of, len(data))
        raise Refusal(
            f"{of} is an archive of torch.save, but holds none of g_ema, g, d as rosinality's code writes them"
        )
    document = pickles.read(BytesIO(data), of, nvidia.ALLOWED | tensorflow.ALLOWED, budget)
    if tensorflow.holds(document.value):
        return tensorflow.checkpoint(document.value, of, len(data))
    return nvidia.checkpoint(document, of, len(data), budget)
