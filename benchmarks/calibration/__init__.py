"""Do the verdict's numbers and words mean what they say?"""
