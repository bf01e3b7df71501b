"""Known generator: how closely can a generator that one holds reproduce a photo? Slow, optional, no part of PANEL.

    from detectors.known.detector import KnownGenerator
    from detectors.known.reference import measure
    from detectors.known.suspect import Suspect
    from forensics.corpus import Corpus
    from forensics.photo import Photo

    suspect = Suspect(module, latent=100, size=64, name="dcgan", framing=0.6)  # any nn.Module: (N, 100) → pictures
    reference = measure(suspect, Corpus.open("runs/reals"), Path("dcgan.json"))  # minutes, once; goes on if stopped
    evidence = KnownGenerator(suspect, reference).examine(Photo.open("photo.jpg"))  # seconds a photo

With generators of ours, on the command line: `forensics detector known PHOTO --weights dcgan --real runs/reals`.
"""
