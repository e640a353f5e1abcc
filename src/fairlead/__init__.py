"""Fine-tune a pretrained backbone on a small dataset, audit it, and serve it with its evidence."""

__version__ = "0.1.0"
