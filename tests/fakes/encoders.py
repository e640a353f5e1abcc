"""Small encoders of texts in transformers' layout, with random weights."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModel

from tests.fakes.texts import word_preprocessing

SIZES = {
    "bert": {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24},
    "roberta": {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24},
    "distilbert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24},
    "deberta-v2": {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 24,
        "relative_attention": True,
        "norm_rel_ebd": "layer_norm",
        "pos_att_type": ["c2p", "p2c"],
    },
    "mpnet": {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24},
}


def text_folder(folder: Path, kind: str = "bert", *, vocabulary: int = 16) -> Path:
    """Writes config.json, model.safetensors and the tokenizer files of an encoder that knows a dozen words."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        kind, vocab_size=vocabulary, max_position_embeddings=40, pad_token_id=1, **SIZES[kind]
    )
    AutoModel.from_config(config).save_pretrained(folder)
    (folder / "tokenizer.json").write_text(word_preprocessing().tokenizer, encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({"pad_token": "[PAD]", "model_max_length": 10**30}))
    return folder
