"""What StyleGAN2-ADA adds to StyleGAN2: an augmentation pipeline, its adaptive strength, and settings by size."""
