"""What runs a graph: ONNX Runtime, or OpenVINO where it is installed and asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import BundleError, ConfigurationError, UnknownNameError

Inputs = NDArray[Any]  # (N, 3, H, W) uint8 pixels, or (N, 3, T) int32 tokens
Floats = NDArray[np.float32]
Shape = tuple[int | str | None, ...]  # None or a name where it is free
RUNTIMES = ("onnxruntime", "openvino")


@dataclass(frozen=True, eq=False)
class Runtime:
    """A graph that is ready to run.

    Attributes:
        name: Of what runs it.
        run: From pixels or tokens of N rows to (N, C) probabilities and (N, D) features; safe from several threads.
        taken: Type and shape of each input, without the rows.
        given: Likewise of each output.
    """

    name: str
    run: Callable[[Inputs], tuple[Floats, Floats]]
    taken: tuple[tuple[str, Shape], ...]
    given: tuple[tuple[str, Shape], ...]


def start_runtime(name: str, model: bytes, threads: int) -> Runtime:
    """Makes a graph ready to run.

    Args:
        name: One of ``RUNTIMES``.
        model: Content of an ONNX file.
        threads: For one answer.

    Raises:
        UnknownNameError: no such runtime.
        ConfigurationError: it is not installed.
        BundleError: it cannot run the graph.
    """
    makers = {"onnxruntime": _onnxruntime, "openvino": _openvino}
    if name not in makers:
        raise UnknownNameError("runtime", name, RUNTIMES)
    try:
        return makers[name](model, threads)
    except ImportError as error:
        raise _missing(name) from error
    except Exception as error:  # what runtimes raise is not a closed list
        reason = str(error).partition("\n")[0]
        raise BundleError(f"model.onnx cannot be run by {name} ({reason}); export the bundle anew") from error


def check_runtime(name: str) -> None:
    """Refuses a runtime that is not known, or not installed, before anything is started.

    Raises:
        UnknownNameError: no such runtime.
        ConfigurationError: it is not installed.

    Examples:
        >>> check_runtime("onnxruntime")
        >>> check_runtime("tensorrt")
        Traceback (most recent call last):
        fairlead.errors.UnknownNameError: there is no runtime 'tensorrt'. Name one of: onnxruntime, openvino
    """
    if name not in RUNTIMES:
        raise UnknownNameError("runtime", name, RUNTIMES)
    if find_spec(name) is None:
        raise _missing(name)


def _missing(name: str) -> ConfigurationError:
    extra = "serve" if name == "onnxruntime" else "openvino"
    return ConfigurationError(f"{name}, which is to run the graph, is not installed; pip install 'fairlead[{extra}]'")


def _onnxruntime(model: bytes, threads: int) -> Runtime:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that wait sleep: those that spin take the core from the one they wait for, twice the time on busy cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors; what it warns of, no caller can mend
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    taking, giving = session.get_inputs(), session.get_outputs()

    def run(inputs: Inputs) -> tuple[Floats, Floats]:
        probabilities, features = session.run(None, {taking[0].name: inputs})
        return probabilities, features

    taken, given = (
        tuple((port.type.removeprefix("tensor(").removesuffix(")"), tuple(port.shape[1:])) for port in ports)
        for ports in (taking, giving)
    )
    return Runtime("onnxruntime", run, taken, given)


def _openvino(model: bytes, threads: int) -> Runtime:
    import openvino

    core = openvino.Core()
    read = core.read_model(model=model)
    # In 32 bits on every processor: those with bfloat16 would else take it, and answer as another model.
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    compiled: Any = core.compile_model(read, "CPU", settings)

    def run(inputs: Inputs) -> tuple[Floats, Floats]:
        found = compiled.create_infer_request().infer([inputs])  # a request of its own: one is not for many threads
        probabilities, features = (np.array(found[output]) for output in compiled.outputs)
        return probabilities, features

    names = {"u8": "uint8", "i32": "int32", "f32": "float"}
    taken, given = (
        tuple(
            (
                names.get(port.get_element_type().get_type_name(), port.get_element_type().get_type_name()),
                tuple(side.get_length() if side.is_static else None for side in list(port.get_partial_shape())[1:]),
            )
            for port in ports
        )
        for ports in (compiled.inputs, compiled.outputs)
    )
    return Runtime("openvino", run, taken, given)
