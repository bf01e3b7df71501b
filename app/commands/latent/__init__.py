"""`forensics latent`: what lies between a generator's pictures. Each command is a function of generators.latent."""

from __future__ import annotations

import typer

from app.commands.latent import apply, directions, mix, project, truncate, walk

group = typer.Typer(help="Walk, mix, truncate and steer what a generator makes; search for a photo in it.")
group.command()(walk.walk)
group.command()(mix.mix)
group.command()(truncate.truncate)
group.command()(project.project)
group.command()(directions.directions)
group.command()(apply.apply)
