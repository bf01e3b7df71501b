"""Small detectors that are trained in seconds to minutes, on pictures in memory: what experiments are made with.

The panel's networks took hours on a CPU; a matrix of "trained on this, tested on that" needs dozens of trainings.
Three ways to look, so that a finding is not one network's whim. None is part of a verdict.

To add one: a file with a function `fit` as `probe.Fit` has it, and its line in PROBES.
"""

from detectors.probes import frozen, network, spectrum
from detectors.probes.probe import Lesson, Probe, Scorer

PROBES: tuple[Probe, ...] = (
    Probe("network", "an ImageNet network's first stages, trained on, a logit for each patch", network.fit),
    Probe("features", "logistic regression on what the whole ImageNet network sees, unchanged", frozen.fit),
    Probe("spectrum", "logistic regression on the radial power spectra of luminance and colour", spectrum.fit),
)

__all__ = ["PROBES", "Lesson", "Probe", "Scorer"]
