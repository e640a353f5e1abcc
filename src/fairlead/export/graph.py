"""From a trained module to one ONNX graph that takes pixels or tokens and answers in probabilities."""

from __future__ import annotations

import contextlib
import io
import random
import warnings
from collections.abc import Iterator

import numpy as np
import onnx
import torch
from safetensors.torch import save
from torch import Tensor, nn

from fairlead.errors import ExportError
from fairlead.modules import Classifier, TextClassifier

OPSET = 18


class _Answering(nn.Module):
    """What is exported: everything between the inputs as they are stored and the calibrated probabilities."""

    def __init__(self, module: Classifier) -> None:
        super().__init__()
        self.module = module

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (N, 3, H, W) uint8, or (N, 3, T) int32, to (N, C) probabilities and (N, D) features."""
        seen: list[Tensor] = []
        # By a hook, so that a subclass that overrides forward() is exported as it answers, not as we think it does.
        handle = self.module.features_layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
        try:
            logits = self.module(inputs)
        finally:
            handle.remove()
        return self.module.probabilities(logits.float()), seen[-1].float()


def export_graph(module: Classifier) -> bytes:
    """Returns the ONNX file of a module: pixels or tokens in; normalisation, temperature and softmax inside.

    Inputs ``pixels`` (N, 3, H, W) uint8 or ``tokens`` (N, 3, T) int32, outputs ``probabilities`` (N, C) and
    ``features`` (N, D); N and T are free. The module, its modes and the generators are as they were.

    Raises:
        ExportError: the module does something that ONNX has no words for, or only for batches of one size.

    Examples:
        >>> from fairlead.modules import ImageClassifier
        >>> module = ImageClassifier(["cat", "dog"], backbone="random:test_resnet")
        >>> [output.name for output in onnx.load_from_string(export_graph(module)).graph.output]
        ['probabilities', 'features']
    """
    # Two rows: of one, tracing would take the batch for a constant.
    example, free, name = module.backbone.example(2).to(module.device), {0: torch.export.Dim.DYNAMIC}, "pixels"
    if isinstance(module, TextClassifier):
        example, free, name = example.int(), free | {2: torch.export.Dim.DYNAMIC}, "tokens"
    try:
        with answering(module), torch.no_grad(), _quietly():
            program = torch.onnx.export(
                _Answering(module).eval(),
                (example,),
                dynamo=True,
                opset_version=OPSET,
                input_names=[name],
                output_names=["probabilities", "features"],
                dynamic_shapes=(free,),
                external_data=False,
                verbose=False,
            )
        if program is None:
            raise ExportError("torch.onnx.export returned nothing; update torch")
        graph = _without_traces(program.model_proto)
        onnx.checker.check_model(graph, full_check=True)
    except ExportError:
        raise
    except Exception as error:  # what tracing raises is not a closed list
        raise ExportError(
            f"{module.backbone.architecture} cannot be exported to ONNX ({_first_line(error)}); choose another "
            "backbone, or override what it does in a way that torch.export can trace"
        ) from error
    for port in (*graph.graph.input, *graph.graph.output):
        dimensions = port.type.tensor_type.shape.dim
        if dimensions[0].dim_value or (port.name == "tokens" and dimensions[2].dim_value):
            raise ExportError(
                f"the exported {port.name} takes batches of one size alone; use no operation that fixes the rows, or "
                "the number of tokens"
            )
    content: bytes = graph.SerializeToString()
    return content


def export_weights(module: Classifier) -> bytes:
    """Returns every weight and buffer as a safetensors file, for those who go on with torch.

    Examples:
        >>> from safetensors.torch import load
        >>> from fairlead.modules import ImageClassifier
        >>> module = ImageClassifier(["cat", "dog"], backbone="random:test_resnet")
        >>> load(export_weights(module)).keys() == module.state_dict().keys()
        True
    """
    # Cloned: safetensors refuses tensors that share their memory.
    tensors = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in module.state_dict().items()}
    content: bytes = save(tensors)
    return content


@contextlib.contextmanager
def answering(module: nn.Module) -> Iterator[None]:
    """Puts every submodule in eval mode for the block; modes and generators are put back as they were.

    Examples:
        >>> layer = nn.Dropout().train()
        >>> with answering(layer):
        ...     layer.training
        False
        >>> layer.training
        True
    """
    modes = [(child, child.training) for child in module.modules()]
    drawn = random.getstate(), np.random.get_state()  # the legacy generator is the one others use
    with torch.random.fork_rng(devices=[]):
        try:
            module.eval()
            yield
        finally:
            for child, training in modes:
                child.training = training
            random.setstate(drawn[0])
            np.random.set_state(drawn[1])


def _without_traces(model: onnx.ModelProto) -> onnx.ModelProto:
    """Takes out where in whose source each operation came from: it names folders of this machine."""
    functions = [part for function in model.functions for part in (function, *function.node, *function.value_info)]
    graph = model.graph
    for part in (
        model,
        graph,
        *graph.node,
        *graph.input,
        *graph.output,
        *graph.value_info,
        *graph.initializer,
        *functions,
    ):
        del part.metadata_props[:]
        if part is not model and part.HasField("doc_string"):
            part.ClearField("doc_string")
    return model


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Drops what torch's exporter prints and warns of: it is about itself, and what comes of it is measured."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200] or type(error).__name__
