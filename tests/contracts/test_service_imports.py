"""What a service of texts loads, in an interpreter of its own."""

import json
import subprocess
import sys

from tests.fakes.text_bundles import tiny_text_bundle

NEVER = (
    "torch", "torchvision", "lightning", "timm", "transformers", "sklearn", "pyarrow", "pandas", "onnx", "safetensors",
    "huggingface_hub", "matplotlib",
)  # fmt: skip
ASKED = """
import json, pathlib, sys
from fairlead.bundle import Explainer
from fairlead.serving.served_model import ServedModel
from fairlead.serving.service import make_service
from fairlead.serving.settings import ServiceSettings

settings = ServiceSettings(bundle=pathlib.Path(sys.argv[1]))
make_service(settings)
model = ServedModel.open(settings)
(answer,) = model.answer(["good"], [{}], most_pixels=1, timed=lambda stage, seconds: None)
Explainer(model.predictor).explain(model.predictor.reader.read("good bad"), answer.label)
print(json.dumps([name for name in sys.argv[2:] if name in sys.modules]))
print("tokenizers" in sys.modules)
"""


def test_a_service_of_texts_answers_and_explains_without_torch_and_transformers(tmp_path):
    command = [sys.executable, "-c", ASKED, str(tiny_text_bundle(tmp_path / "bundle")), *NEVER]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded, by_tokenizers = done.stdout.splitlines()[-2:]
    assert json.loads(loaded) == []
    assert by_tokenizers == "True"
