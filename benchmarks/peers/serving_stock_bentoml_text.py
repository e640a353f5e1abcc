"""Serve an encoder of texts with BentoML and eager torch, as its documentation's text example does.

CLASSES=10 bentoml serve benchmarks.peers.serving_stock_bentoml_text:Classifier
"""

import bentoml

from benchmarks.peers.serving_encoder import Encoder


@bentoml.service
class Classifier:
    """One worker, BentoML's defaults."""

    def __init__(self):
        self.model = Encoder()

    @bentoml.api
    def predict(self, text: str) -> list[float]:
        """Probabilities of one text."""
        return self.model(text)[0].tolist()
