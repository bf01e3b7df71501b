"""Cases: photos that somebody chose to keep, with their reports, notes, conclusions, and a log of every change."""
