"""How near are a generator's pictures to photos, and how varied: FID, KID, precision, recall, path length.

Each generator of ours is set against the corpus that it learned from, a user's folder of pictures against a folder
of photos. Photos are cut and resized to the pictures' size. As many of both: photos in an order of seed 0, pictures
of the seeds 0 to n - 1, files in an order of seed 0. Beside them stand other photos of the same corpus, where it has
them: what a perfect generator would score at this n.

The words are the published ones in the published spaces only: FID and KID in InceptionV3 of 2015-12-05, the others
in VGG-16, which we have not. Anywhere else they end in "-like".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks import latent_paths
from benchmarks.feature_rows import FeatureRows
from benchmarks.fidelity_corpora import Photos, read_pictures
from benchmarks.lineage import as_rgb, size_of
from benchmarks.stamp import Stamp
from benchmarks.table import Cell, Column, Measure, Result, Table
from forensics.features import FeatureSpace
from forensics.fidelity import fid, kid, precision_recall, trimmed_mean
from forensics.half_sampling import ROUNDS, spread
from forensics.metrics import share
from forensics.path_length import trimmed_mean_interval
from forensics.refusal import Refusal
from forensics.tensors import to_pictures, to_tensor
from generators.trained import Trained
