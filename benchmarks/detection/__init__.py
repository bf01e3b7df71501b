"""How well do detectors and verdict tell the classes apart, on photos that no training saw?"""
