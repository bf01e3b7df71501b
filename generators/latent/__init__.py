"""Latent tools: walk, mix, truncate, find directions, follow them. Each is a function; `forensics latent` calls them.

    from generators.latent.space import Space
    from generators.latent.points import Point
    from generators.latent.walk import Walk, frames
    from generators.trained import load

    space = Space(load("stylegan2"))
    pictures = list(frames(space, [Point.of("0"), Point.of("7")], Walk(count=60)))  # each (H, W, C) uint8

Searching for the w of a photo is in `detectors.known.projection`: it asks for any module, and for none of ours.
"""
