"""Operations that the style-based families are made of; each a plain PyTorch function."""
