"""Serve a timm model with BentoML and eager torch, as its documentation's image example does.

MODEL=mobilenetv2_100 CLASSES=10 bentoml serve benchmarks.peers.serving_stock_bentoml:Classifier
"""

import os

import bentoml
import timm
import torch
from PIL.Image import Image


@bentoml.service
class Classifier:
    """One worker, BentoML's defaults."""

    def __init__(self):
        self.model = timm.create_model(os.environ["MODEL"], num_classes=int(os.environ["CLASSES"])).eval()
        self.transform = timm.data.create_transform(**timm.data.resolve_data_config(model=self.model))

    @bentoml.api
    def predict(self, image: Image) -> list[float]:
        """Probabilities of one picture."""
        with torch.inference_mode():
            return self.model(self.transform(image.convert("RGB"))[None]).softmax(1)[0].tolist()
