"""Pictures of our own making on a page, byte for byte: `st.image` would compress large ones again."""

from __future__ import annotations

import base64

import numpy as np
import streamlit as st
from markupsafe import escape

SIDE = 384  # px of a small picture, about


def png(pixels: np.ndarray, software: str) -> bytes:
    """(H, W, C) uint8 → a PNG that declares itself as generated."""
    from generators.declare import declared

    return declared(pixels, software)


def still(data: bytes, alt: str, caption: str = "") -> None:
    """A PNG, no wider than there is room; its words below."""
    uri = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    image = f'<img src="{uri}" alt="{escape(alt)}" style="max-width:100%;border-radius:6px">'
    st.html(f'<figure style="margin:0">{image}{below}</figure>')


def enlarged(pixels: np.ndarray) -> np.ndarray:
    """Pixels repeated up to the size at which they are shown."""
    scale = max(1, SIDE // pixels.shape[0])
    return pixels.repeat(scale, 0).repeat(scale, 1)
