"""Serve a timm model with LitServe and eager torch, as its documentation's image example does.

MODEL=mobilenetv2_100 CLASSES=10 python -m benchmarks.peers.serving_litserve PORT
"""

import os
import sys

import litserve
import timm
import torch
from fastapi import Request
from PIL import Image


class ClassifierAPI(litserve.LitAPI):
    """One worker, LitServe's defaults."""

    def setup(self, device: str) -> None:
        """Loads the model in the worker."""
        self.model = timm.create_model(os.environ["MODEL"], num_classes=int(os.environ["CLASSES"])).to(device).eval()
        self.transform = timm.data.create_transform(**timm.data.resolve_data_config(model=self.model))

    def decode_request(self, request: Request) -> torch.Tensor:
        """Reads the picture of a form."""
        return self.transform(Image.open(request["image"].file).convert("RGB"))[None]

    def predict(self, pixels: torch.Tensor) -> torch.Tensor:
        """Answers."""
        with torch.inference_mode():
            return self.model(pixels).softmax(1)

    def encode_response(self, probabilities: torch.Tensor) -> dict[str, list[float]]:
        """Writes the answer."""
        return {"probabilities": probabilities[0].tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(ClassifierAPI(api_path="/predict"), accelerator="cpu")
    server.run(port=int(sys.argv[1]), host="127.0.0.1", generate_client_file=False)
