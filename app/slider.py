"""A slider between two pictures of one frame: our own few lines, nothing from elsewhere.

It is an `<input type="range">`: mouse, touch and arrow keys move it, and screen readers say what it shows.
"""

from __future__ import annotations

import streamlit as st

from forensics.shown import Picture, plain

HTML = """
<figure><div class="stage"><img class="first"><img class="second"><i class="line"></i>
<input type="range" min="0" max="100" step="0.5" value="50"></div>
<figcaption><span class="left"></span><span class="right"></span></figcaption></figure>
"""
CSS = """
figure{margin:0;font-family:var(--st-font);color:var(--st-text-color)}
.stage{position:relative;overflow:hidden;border-radius:8px;--at:50%;max-width:100%;margin:0 auto;background:
 repeating-conic-gradient(color-mix(in srgb,currentColor 14%,transparent) 0 25%,transparent 0 50%) 0/16px 16px}
.stage:focus-within{outline:3px solid var(--st-primary-color);outline-offset:2px}
img{display:block;width:100%;height:auto}
.second{position:absolute;inset:0;height:100%;clip-path:inset(0 0 0 var(--at))}
.first{clip-path:inset(0 calc(100% - var(--at)) 0 0)}
.line{position:absolute;top:0;bottom:0;left:var(--at);width:3px;margin-left:-1.5px;background:#fff;
 box-shadow:0 0 0 1px rgba(0,0,0,.75);pointer-events:none}
.line::after{content:"";position:absolute;top:50%;left:50%;width:30px;height:30px;margin:-15px;border-radius:50%;
 background:#fff linear-gradient(90deg,#0000 44%,#555 44% 56%,#0000 56%) center/12px 12px no-repeat;
 box-shadow:0 0 0 1px rgba(0,0,0,.75)}
input{position:absolute;inset:0;width:100%;height:100%;margin:0;opacity:0;cursor:ew-resize;touch-action:pan-y}
figcaption{display:flex;justify-content:space-between;gap:1rem;font-size:.86rem;opacity:.85;padding-top:.4rem}
"""
JS = """
export default function ({ data, parentElement }) {
  const part = (name) => parentElement.querySelector(name);
  const stage = part(".stage"), input = part("input");
  for (const side of ["first", "second"]) {
    part("." + side).src = data[side].uri;
    part("." + side).alt = data[side].alt;
  }
  stage.style.maxWidth = data.width + "px";
  part(".left").textContent = data.left;
  part(".right").textContent = data.right;
  input.setAttribute("aria-label", data.label);
  const move = () => {
    stage.style.setProperty("--at", input.value + "%");
    input.setAttribute("aria-valuetext", Math.round(input.value) + " % " + data.left);
  };
  input.oninput = move;
  move();
}
"""


def slider(first: Picture, second: Picture, left: str, right: str, label: str, key: str) -> None:
    """`first` left of the line, `second` right of it. All words are shown as text, whatever they hold."""
    component = st.components.v2.component("before_after_slider", html=HTML, css=CSS, js=JS)
    pictures = {"first": first, "second": second}
    shown = {side: {"uri": p.uri, "alt": plain(p.alt)} for side, p in pictures.items()}
    component(
        key=key,
        data={
            **shown,
            "width": max(first.width, 320),
            "left": plain(left),
            "right": plain(right),
            "label": plain(label),
        },
    )
