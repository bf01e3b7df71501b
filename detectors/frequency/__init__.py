"""What a photo's fine structure tells: the frequency cues. `CUES` is all of them, in the order they are fitted."""

from detectors.frequency.cooccurrence import Cooccurrence
from detectors.frequency.dct import DCT
from detectors.frequency.neighbours import Neighbours
from detectors.frequency.spectrum import Spectrum
from detectors.frequency.upsampling import Upsampling

CUES = (Spectrum, DCT, Upsampling, Neighbours, Cooccurrence)
