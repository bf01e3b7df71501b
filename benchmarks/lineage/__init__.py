"""All families in one figure, with how near each is to photos."""
