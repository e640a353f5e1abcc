"""From a run to a service that answers: meet the release gate, answer for it, serve, and ask.

    python -m recipes.serve                                    # a quick run on the embedded data comes first
    python -m recipes.serve --run runs/2026-11-23_19-25-56     # a run of yours
    python -m recipes.serve --run RUN --override "a pilot with two clinics" --by "A. Person"

The quick run is judged by recipes/settled_policy.yaml, under which nothing goes out that is not settled: on its few
rows nothing is, so that the service refuses, as it should, until someone answers for it by name.
"""

from recipes import STARTED  # isort: skip  # first: it starts the clock

import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from fairlead.bundle import Bundle
from fairlead.cli.boundary import clearly
from fairlead.cli.finetune_options import FinetuneOptions
from fairlead.cli.parser import Parser
from fairlead.cli.run_data import run_data
from fairlead.errors import ConfigurationError, ServiceError
from fairlead.records import RunFolder, Split
from fairlead.serving import Client
from recipes import finetune_image

POLICY = Path(__file__).with_name("settled_policy.yaml")
DEMONSTRATION = ("generated pictures, shown on this machine alone", "the recipe's demonstration")
ASKED, TOLD = 3, 5


@clearly
def main(arguments: Sequence[str] | None = None) -> int:
    """Runs from a run, or from nothing, to answers over HTTP; returns the exit code."""
    options = _parser().parse_args(arguments)
    if (options.override is None) is not (options.by is None):
        raise ConfigurationError("an override takes a reason and a name; give --override and --by")
    signed = None if options.override is None else (options.override, options.by)
    run = RunFolder(Path(options.run)) if options.run else quick_run()
    bundle = Bundle.open(run.bundle)
    if not bundle.manifest.passes:
        print("\n--- fairlead serve, while the gate blocks", flush=True)
        subprocess.run(_command(bundle, port=_free_port()), check=False)
        signed = signed or (None if options.run else DEMONSTRATION)
        if signed is None:
            return 1
    print("\n--- fairlead serve" + (f', answered for: "{signed[0]}", by {signed[1]}' if signed else ""), flush=True)
    with served(bundle, signed) as client:
        ask(client, run)
    again = shlex.join(["fairlead", "serve", str(bundle.path), *_override(signed)])
    print(f"\n{'time':<12}{time.perf_counter() - STARTED:.0f} s\n{'next':<12}{again}")
    return 0


def quick_run() -> RunFolder:
    """A rehearsal on the embedded data, with its bundle."""
    run = RunFolder(Path("runs") / time.strftime("serve_%Y-%m-%d_%H-%M-%S"))
    if finetune_image.main(["--quick", "--policy", str(POLICY), "--output", str(run.path)]):
        raise ConfigurationError(
            "the quick run did not end well, so there is nothing to serve; its message stands above"
        )
    return run


@contextmanager
def served(bundle: Bundle, signed: tuple[str, str] | None) -> Iterator[Client]:
    """The bundle behind HTTP on a free port, as long as the block lasts."""
    port = _free_port()
    with subprocess.Popen([*_command(bundle, port=port), *_override(signed)]) as service:
        try:
            client = Client(f"http://127.0.0.1:{port}")
            while not client.ready():
                if service.poll() is not None:
                    raise ServiceError("the service ended before it was ready; it says why above")
                time.sleep(0.1)
            yield client
        finally:
            service.terminate()


def ask(client: Client, run: RunFolder) -> None:
    """Sends held-out pictures or texts as they are, and prints what came back."""
    rows = run_data(FinetuneOptions.of_run(run)).rows
    test = rows.of(Split.TEST)
    chosen = test[np.linspace(0, len(test) - 1, ASKED).astype(int)]
    model = client.model()
    gate, override = model["gate"], model["override"]
    print(f"\n{'model':<12}{model['digest']}\n{'classes':<12}{', '.join(model['labels'])}")
    print(f"{'gate':<12}{'passes' if gate['passes'] else 'blocked by ' + '; '.join(gate['blocked_by'])}")
    if override:
        print(f'{"override":<12}"{override["reason"]}", by {override["name"]}, {override["date"]}')
    feature = (model["decision"] or {}).get("feature")
    given = None if feature is None else [{feature["name"]: None}] * ASKED  # the threshold for a group not known
    for index, said in zip(chosen, client.predict([rows.items.content(i) for i in chosen], given), strict=True):
        truth = rows.labels[rows.targets[index]]
        print(f"{'answer':<12}{rows.items.name(index)}: {said.label} ({said.probability:.3f}); in truth {truth}")
    explained = client.explain(rows.items.content(chosen[0]), sensitive=None if given is None else given[0])
    if explained.words:
        ranked = sorted(zip(explained.words, explained.values[0], strict=True), key=lambda pair: -pair[1])[:TOLD]
        shown = ", ".join(f"{word} {value:+.2f}" for word, value in ranked)
        doubt = "" if explained.reliable else f" (not reliable: {explained.reason})"
        print(f"{'explained':<12}what in the first of them speaks most for {explained.label}: {shown}{doubt}")
    elif explained.overlay:
        picture = run.path / "explanation.png"
        picture.write_bytes(explained.overlay)
        print(f"{'explained':<12}{picture}  what in the first of them speaks for {explained.label}")
    else:
        print(f"{'explained':<12}not drawn: {explained.reason}")


def _command(bundle: Bundle, *, port: int) -> list[str]:
    return [sys.executable, "-m", "fairlead", "serve", str(bundle.path), "--port", str(port)]


def _override(signed: tuple[str, str] | None) -> list[str]:
    return ["--override", signed[0], "--by", signed[1]] if signed else []


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def _parser() -> Parser:
    parser = Parser(prog="python -m recipes.serve", description=__doc__ or "")
    parser.add_argument("--run", type=str, default=None, metavar="RUN", help="a finished run; without it: a quick one")
    parser.add_argument(
        "--override", type=str, default=None, metavar="REASON", help="serve what the gate blocks, and why"
    )
    parser.add_argument("--by", type=str, default=None, metavar="NAME", help="who answers for the override")
    return parser


if __name__ == "__main__":
    sys.exit(main())
