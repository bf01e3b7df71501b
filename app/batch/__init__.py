"""Many photos at once, on disk: a batch outlives a reload of its page, and a restart of the app."""
