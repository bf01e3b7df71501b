"""What does an arms race do to detectors, round by round?"""
