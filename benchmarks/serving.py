"""How fast does a service answer, beside BentoML and LitServe with eager torch?

The same model with random weights, the same 448 px JPEG as a multipart form over kept-alive connections, the same
clients (threads), against services that run as processes of their own: a stock BentoML service and a LitServe one
(``peers/``), both with timm, eager torch and their own defaults, and ``fairlead serve`` with everything on (signed
bundle, API key, body and pixel caps, admission, deadline, figures), in 32 and in 8 bits, by ONNX Runtime and by
OpenVINO. Idle threads of the peers sleep: spinning ones, torch's default, all but halt a torch service where other work
runs. All are up at once and are asked in turns, in an order that rotates from round to round; a ratio is taken within a
round, so what else the machine did falls on both sides of it. What a service does beyond what it can is another
question: ``benchmarks.serving_overload``.

*Start to ready*: from the process's start to the first 200 of its readiness probe, beside a BentoML service that loads
nothing.
*Inference alone*: the same network on the same pixels, without a service.
*Texts*: all-MiniLM-L6-v2 with a random head, the same text of 64 tokens as JSON; the peers tokenise by transformers.

    python -m benchmarks.serving            # both networks: about fifteen minutes on two cores
    python -m benchmarks.serving --quick --model resnet18
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.serving_bundle import is_text
from benchmarks.serving_inference import inference
from benchmarks.serving_load import Seen, load, passage, photo
from benchmarks.serving_process import Service, bentoml_service, fairlead_service, litserve_service, trivial_service
from fairlead.bundle import usable_cores

RESULT = Path(__file__).parent / "results" / "serving.md"
CLIENTS = (1, 4)
SIDE, TOKENS = 448, 64
PACKAGES = ("bentoml", "litserve", "torch", "timm", "transformers", "tokenizers", "onnxruntime", "pillow")


def spread(values: Sequence[float], digits: int = 1) -> str:
    """The median, and the smallest to the largest."""
    return f"{np.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


# -- speed ---------------------------------------------------------------------------------------------


def speed(
    services: Sequence[Service], content: bytes, rounds: int, seconds: float
) -> dict[tuple[str, int], list[Seen]]:
    """What the clients of each service saw, by round."""
    seen = defaultdict(list)
    for service in services:
        load(service.target, content, clients=4, seconds=1)  # warms up
    for number in range(rounds):
        turn = number % len(services)
        for service in (*services[turn:], *services[:turn]):
            for clients in CLIENTS:
                asked = load(service.target, content, clients=clients, seconds=seconds)
                if len(asked.seconds(200)) < len(asked.rows):
                    raise SystemExit(f"{service.name} failed: {sorted({status for status, *_ in asked.rows})}")
                seen[service.name, clients].append(asked)
    return seen


def speed_table(seen: dict[tuple[str, int], list[Seen]], ours: Sequence[str]) -> Iterator[str]:
    peers = list(dict.fromkeys(name for name, _ in seen if name not in ours))
    over = " | ".join(f"over {peer}" for peer in peers)
    yield f"| service | clients | requests a second | p50, ms | p99, ms | {over} |"
    yield "|---|---|---|---|---|" + "---|" * len(peers)
    for (name, clients), rounds in sorted(seen.items(), key=lambda pair: pair[0][1]):
        ratios = [
            spread([mine.rate / theirs.rate for mine, theirs in zip(rounds, seen[peer, clients], strict=True)])
            for peer in peers
        ]
        yield (
            f"| {name} | {clients} | {spread([one.rate for one in rounds])} "
            f"| {spread([one.quantile(0.5) for one in rounds])} | {spread([one.quantile(0.99) for one in rounds])} "
            f"| {' | '.join(ratios if name in ours else [''] * len(peers))} |"
        )


# -- start ---------------------------------------------------------------------------------------------


def starts(services: Sequence[Service], rounds: int) -> dict[str, list[float]]:
    """Seconds to ready of each, in turns; the first round is thrown away."""
    taken = defaultdict(list)
    for number in range(rounds + 1):
        for service in services:
            with service.running() as ready:
                if number:
                    taken[service.name].append(ready)
    return taken


def start_table(taken: dict[str, list[float]], base: str) -> Iterator[str]:
    yield "| service | start to ready, s | over the trivial one in the same round, s |"
    yield "|---|---|---|"
    for name, seconds in taken.items():
        over = ""
        if name != base and len(seconds) == len(taken[base]):  # else it was started once, in no round
            over = spread([mine - theirs for mine, theirs in zip(seconds, taken[base], strict=True)], 2)
        yield f"| {name} | {spread(seconds, 2)} | {over} |"


# -- all -----------------------------------------------------------------------------------------------


def report(model: str, quick: bool) -> Iterator[str]:
    """The whole of the result for one model."""
    rounds, began = (3, 2) if quick else (4, 5), os.getloadavg()[0]
    seconds = 2.0 if quick else 2.5
    with tempfile.TemporaryDirectory() as scratch:
        bento, lit = bentoml_service(model), litserve_service(model)
        ours, *others = (
            fairlead_service(model, Path(scratch) / f"{runtime}-{precision}", precision=precision, runtime=runtime)
            for runtime in ("onnxruntime", "openvino")
            for precision in ("fp32", "int8")
        )
        trivial = trivial_service()
        with contextlib.ExitStack() as stack:
            bento_start, lit_start, *_ = (stack.enter_context(one.running()) for one in (bento, lit, ours, *others))
            content = passage(TOKENS) if is_text(model) else photo(SIDE)
            seen = speed((bento, lit, ours, *others), content, rounds[0], seconds)
        taken = starts((trivial, ours), rounds[1])
        taken |= {bento.name: [bento_start], lit.name: [lit_start]}
    yield f"## {model}\n"
    ended = os.getloadavg()[0]
    yield f"Load of the machine when this began: {began:.1f} on {usable_cores()} cores; at its end {ended:.1f}.\n"
    yield from speed_table(seen, [ours.name, *(other.name for other in others)])
    yield "\n### Start to ready\n"
    yield from start_table(taken, trivial.name)
    if not is_text(model):
        yield "\n### Inference alone, one picture\n"
        yield from inference(model, photo(SIDE), 3 if quick else 5)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model",
        action="append",
        help="an encoder of timm, or embedded:minilm-l6; MobileNetV2, ResNet-18 and MiniLM by default; repeatable",
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--output", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    models = options.model or ["mobilenetv2_100", "resnet18", "embedded:minilm-l6"]
    flags = "".join(f" --model {model}" for model in options.model or ()) + (" --quick" if options.quick else "")
    lines = [
        "# How fast does a service answer?\n",
        f"Made by `python -m benchmarks.serving{flags}`, whose docstring says how. Medians over the rounds, smallest\n"
        "to largest in brackets. Read the ratios, taken within a round, rather than the rates of one machine. The\n"
        "peers' idle threads sleep (`OMP_WAIT_POLICY=PASSIVE`); with torch's default they are several times\n"
        "slower beside other work.\n",
        f"{', '.join(f'{name} {version(name)}' for name in PACKAGES)}.\n",
    ]
    for model in models:
        lines += [*report(model, options.quick), ""]
    text = "\n".join(lines)
    options.output.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
