"""Serve an encoder of texts with LitServe and eager torch, as its documentation's text example does.

CLASSES=10 python -m benchmarks.peers.serving_litserve_text PORT
"""

import sys
from typing import Any

import litserve
import torch

from benchmarks.peers.serving_encoder import Encoder


class ClassifierAPI(litserve.LitAPI):
    """One worker, LitServe's defaults."""

    def setup(self, device: str) -> None:
        """Loads the model in the worker."""
        self.model = Encoder().to(device)

    def decode_request(self, request: dict[str, Any]) -> str:
        """Reads the text."""
        return request["text"]

    def predict(self, text: str) -> torch.Tensor:
        """Answers."""
        return self.model(text)

    def encode_response(self, probabilities: torch.Tensor) -> dict[str, list[float]]:
        """Writes the answer."""
        return {"probabilities": probabilities[0].tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(ClassifierAPI(api_path="/predict"), accelerator="cpu")
    server.run(port=int(sys.argv[1]), host="127.0.0.1", generate_client_file=False)
