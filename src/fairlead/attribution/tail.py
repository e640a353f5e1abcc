"""What a network makes of a layer's output, without running what comes before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fairlead.errors import AttributionError, UnknownNameError

_SAME = 1e-3  # of what the answers to different inputs differ by
_ROUNDING = 1e-5  # of the answers themselves
_EXAMPLES = 4  # rows of an example that are run
_TOGETHER = 64  # inputs at a time, on the way to the layer


class _Reached(Exception):
    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.output = output


class Tail:
    """A network from a layer on.

    What ran before the layer is not run again: it answers with what it gave for an example, which must not matter, and
    whether it does is seen at once. Where it does (a connection that passes the layer by), all of the network runs.

    Args:
        network: Held still, in eval mode; it is left as it is.
        layer: Name of a module in it, as ``named_modules`` has it.
        example: (N, ...) inputs, two rows that differ or more; four are run.
        whole: Whether all runs again, as it must where a later input may have another length.

    Attributes:
        alone: Whether the network answers by the layer's output alone, whatever the inputs.

    Raises:
        UnknownNameError: no such module.
        AttributionError: a layer that does not run once, or does not give one tensor.

    Examples:
        >>> network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> inputs = torch.eye(3)
        >>> tail = Tail(network, "0", inputs)
        >>> torch.equal(tail(tail.points(inputs), inputs), network(inputs))
        True
    """

    def __init__(self, network: nn.Module, layer: str, example: Tensor, *, whole: bool = False) -> None:
        modules = dict(network.named_modules())
        if layer not in modules:
            raise UnknownNameError("layer", layer, [name for name in modules if name])
        self.network = network
        self.layer = modules[layer]
        self.name = layer
        example = example[:_EXAMPLES]
        with torch.no_grad():
            expected = network(example)
            calls = traced(network, example)
            own = [call for call in calls if call.module is self.layer]
            if len(own) != 1 or not isinstance(own[0].output, Tensor) or len(own[0].output) != len(example):
                raise AttributionError(
                    f"the layer {layer} runs {len(own)} times, and is explained where it runs once and gives one "
                    "tensor with a row for each input; name another layer"
                )
            points = own[0].output
            differ = bool((points != points[:1]).any())  # where they do not, nothing is seen of what passes by
            self._answers = _before(calls, own[0]) if differ and not whole else {}
            if not self._answers_as(expected, points, example):
                self._answers = {}
                if not self._answers_as(expected, points, example):
                    raise AttributionError(
                        f"the network does not answer by the output of {layer} alone; name another layer"
                    )
            turned = self(points, example.roll(1, dims=0))
            self.alone = differ and _close(turned, expected, _bound(expected))

    def _answers_as(self, expected: Tensor, points: Tensor, example: Tensor) -> bool:
        """Whether it answers as the network, of another number of inputs too: not all that is as long is a batch."""
        try:
            one, more = self(points[:1], example[:1]), self(_twice(points), _twice(example))
        except RuntimeError:
            return False
        bound, found = _bound(expected), (self(points, example), one, more)
        return all(map(_close, found, (expected, expected[:1], _twice(expected)), [bound] * 3))

    def points(self, inputs: Tensor) -> Tensor:
        """Returns the layer's output for N inputs, without gradients."""
        starts = range(0, len(inputs), _TOGETHER)
        return torch.cat([self._reached(inputs[start : start + _TOGETHER]) for start in starts])

    def _reached(self, inputs: Tensor) -> Tensor:

        def leave(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            raise _Reached(output)

        handle = self.layer.register_forward_hook(leave)
        try:
            with torch.no_grad():
                self.network(inputs)
        except _Reached as reached:
            return reached.output
        finally:
            handle.remove()
        raise AttributionError(f"the layer {self.name} was not reached; name a layer that always runs")

    def __call__(self, points: Tensor, inputs: Tensor) -> Tensor:
        """Maps N of the layer's outputs, with the inputs they belong to, to (N, C) logits."""
        count = len(points)
        instead: dict[nn.Module, Callable[..., Tensor]] = {
            module: (lambda *_, _first=first, **__: _first.expand(count, *_first.shape[1:]))
            for module, first in self._answers.items()
        }
        instead[self.layer] = lambda *_, **__: points.clone()  # what follows may work in place
        with _replaced(instead):
            logits: Tensor = self.network(inputs)
        return logits


@dataclass(eq=False)
class Call:
    """One call of a module: where it stands among all, from its start to its end, and what it gave."""

    module: nn.Module
    start: int
    end: int = -1
    output: Any = None


def traced(network: nn.Module, example: Tensor) -> list[Call]:
    """Runs the network once and returns every call of a module in it, in the order in which they ended."""
    clock, open_calls, done = iter(range(10**9)), list[Call](), list[Call]()

    def start(module: nn.Module, _inputs: Any) -> None:
        open_calls.append(Call(module, next(clock)))

    def end(_module: nn.Module, _inputs: Any, output: Any) -> None:
        call = open_calls.pop()
        call.end, call.output = next(clock), output
        done.append(call)

    handles = []
    for module in network.modules():
        handles += [module.register_forward_pre_hook(start), module.register_forward_hook(end)]
    try:
        with torch.no_grad():
            network(example)
    finally:
        for handle in handles:
            handle.remove()
    return done


def _before(calls: list[Call], own: Call) -> dict[nn.Module, Tensor]:
    """Returns what each module that ended before the layer began gave for the first row; none that runs twice."""
    numbers: dict[nn.Module, int] = {}
    for call in calls:
        numbers[call.module] = numbers.get(call.module, 0) + 1
    return {
        call.module: call.output[:1]
        for call in calls
        if call.end < own.start
        and numbers[call.module] == 1
        and isinstance(call.output, Tensor)
        and call.output.ndim > 0
        and len(call.output) == len(own.output)
    }


@contextmanager
def _replaced(instead: dict[nn.Module, Callable[..., Tensor]]) -> Iterator[None]:
    """Lets modules answer otherwise for a while."""
    former = {module: vars(module).get("forward") for module in instead}
    try:
        for module, answer in instead.items():
            vars(module)["forward"] = answer
        yield
    finally:
        for module, own in former.items():
            if own is None:
                vars(module).pop("forward", None)
            else:
                vars(module)["forward"] = own


def _twice(rows: Tensor) -> Tensor:
    return rows.repeat(2, *[1] * (rows.ndim - 1))


def _bound(expected: Tensor) -> float:
    """Returns by how much answers may differ and be the same; a class ruled out by minus infinity has no part."""
    finite = torch.where(expected.isfinite(), expected, 0)
    spread = float((finite.amax(dim=0) - finite.amin(dim=0)).max())
    return _SAME * spread + _ROUNDING * float(finite.abs().max())


def _close(found: Tensor, expected: Tensor, bound: float) -> bool:
    same = found.shape == expected.shape
    return same and bool(((found == expected) | ((found - expected).abs() <= bound)).all())
