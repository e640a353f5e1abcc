"""From a raw picture or text to an answer, without torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.answer import Answer
from fairlead.bundle.bundle import GOLDENS, MODEL, Bundle
from fairlead.bundle.contents import check_content, read_json
from fairlead.bundle.cores import usable_cores
from fairlead.bundle.goldens import Goldens
from fairlead.bundle.reader import Item, Read, reader_of
from fairlead.bundle.runtime import Floats, Inputs, start_runtime
from fairlead.bundle.seen import Observe, Seen
from fairlead.errors import BundleError, ConfigurationError, UnreadableFileError
from fairlead.preprocessing import MAX_PIXELS, ImagePreprocessing, TextPreprocessing
from fairlead.records import DecisionRule, Labels

BATCH = 32
Ran = Callable[[float], None]
Unmeasured = Callable[[Exception], None]


class Predictor:
    """Answers for pictures or texts as they come: read, cut and judged by the code that training used.

    Safe to call from several threads.

    Args:
        model: Content of an ONNX file from (N, 3, H, W) uint8 pixels, or (N, 3, T) int32 tokens, to (N, C)
            probabilities and (N, D) features.
        preprocessing: From a picture to its pixels, or from a text to its tokens.
        labels: The C classes.
        decision: From probabilities to a class; None for the most probable one.
        threads: For an answer and for reading; None for as many as the process has cores.
        runtime: ``"onnxruntime"``, or ``"openvino"`` where it is installed.

    Raises:
        BundleError: a model that cannot be run, keeps tensors elsewhere, or does not fit the labels.
        ConfigurationError: no such runtime, or a rule that draws.
    """

    def __init__(
        self,
        model: bytes,
        preprocessing: ImagePreprocessing | TextPreprocessing,
        labels: Labels,
        *,
        decision: DecisionRule | None = None,
        threads: int | None = None,
        runtime: str = "onnxruntime",
    ) -> None:
        if decision is not None and decision.randomised:
            raise ConfigurationError("a rule that draws its decisions is not served; choose thresholds that do not")
        check_content(MODEL, model)
        self.preprocessing = preprocessing
        self.labels = labels
        self.decision = decision
        self.threads = threads or usable_cores()
        self.runtime = start_runtime(runtime, model, self.threads)
        self.reader = reader_of(preprocessing)
        taken, given = self.runtime.taken, self.runtime.given
        fits = len(taken) == 1 and self.reader.fits(*taken[0]) and given[:1] == (("float", (len(labels),)),)
        if not fits or [len(shape) for _, shape in given] != [1, 1]:
            raise BundleError(
                f"{MODEL} maps {list(taken)} to {list(given)}, which are not {self.reader.wants} to "
                f"{len(labels)} classes and features; export the bundle anew"
            )
        if (extreme := self.reader.extreme()) is not None:
            self._check_extreme(extreme)

    @classmethod
    def of(cls, bundle: Bundle, *, threads: int | None = None, runtime: str = "onnxruntime") -> Predictor:
        """Makes the predictor of a bundle.

        Raises:
            BundleError: a file that was altered.
        """
        model = bundle.read(MODEL)
        return cls(
            model, bundle.preprocessing, bundle.labels, decision=bundle.decision, threads=threads, runtime=runtime
        )

    def _check_extreme(self, inputs: Inputs) -> None:
        try:
            self.run(inputs)
        except Exception as error:  # what runtimes raise is not a closed list
            raise BundleError(
                f"{MODEL} fails on {inputs.shape[2]} tokens of number {inputs[0, 0, 0]}, which the tokenizer may give: "
                "they are not of one model; export the bundle anew"
            ) from error

    def inputs(self, item: Item, *, max_pixels: int = MAX_PIXELS) -> Inputs:
        """Returns (3, H, W) pixels of a picture, or (3, T) tokens of a text.

        Args:
            item: The bytes of a picture, or its file; or a text, or a pair of texts.
            max_pixels: Larger pictures are refused before they are decoded.

        Raises:
            UnreadableFileError: it cannot be read.
        """
        return self.reader.read(item, max_pixels=max_pixels).inputs

    def read(self, item: Item, *, max_pixels: int = MAX_PIXELS) -> Read | str:
        """Returns an item as the graph takes it, or why it cannot be read."""
        try:
            return self.reader.read(item, max_pixels=max_pixels)
        except UnreadableFileError as error:
            return str(error)

    def run(self, inputs: Inputs) -> tuple[Floats, Floats]:
        """Maps (N, 3, H, W) pixels, or (N, 3, T) tokens, to (N, C) probabilities and (N, D) features."""
        return self.runtime.run(inputs)

    def run_all(self, inputs: Sequence[Inputs], ran: Ran = lambda _: None) -> tuple[Floats, Floats]:
        """Maps the inputs of N items, texts of any length, to (N, C) probabilities and (N, D) features.

        Args:
            inputs: Of N items, at least one.
            ran: Is told the seconds of each batch; what it raises ends the work.
        """
        parts = []
        for places, batch in self.reader.batches(inputs):
            begun = time.perf_counter()
            parts.append((places, self.run(batch)))
            ran(time.perf_counter() - begun)
        back = np.argsort(np.concatenate([places for places, _ in parts]))
        probabilities, features = (np.concatenate([found[kind] for _, found in parts])[back] for kind in (0, 1))
        return probabilities, features

    def answer(
        self, item: Item, *, sensitive: Mapping[str, str | None] | None = None, features: bool = False
    ) -> Answer:
        """Answers for one picture or text.

        Args:
            item: The bytes of a picture, or its file; or a text, or a pair of texts.
            sensitive: Values of sensitive features by name, for a model with a threshold for each group; a value that
                is not known is None.
            features: Whether the features are wanted too.

        Raises:
            UnreadableFileError: it cannot be read.
            ConfigurationError: a feature that the model decides by is not given, or not by a group it knows.
        """
        slots = self.slots([sensitive or {}])
        return self.answers([self.reader.read(item)], slots, features=features)[0]

    def answer_all(
        self,
        items: Sequence[Item],
        *,
        sensitive: Sequence[Mapping[str, str | None]] | None = None,
        features: bool = False,
        batch_size: int = BATCH,
    ) -> list[Answer]:
        """Answers for many pictures or texts, in their order; one that cannot be read fails none of the others.

        Args:
            items: The bytes of pictures, or their files; or texts, or pairs of them.
            sensitive: Values of sensitive features of each, by name.
            features: Whether the features are wanted too.
            batch_size: Items at a time, which bounds the memory.

        Raises:
            ConfigurationError: a feature that the model decides by is not given, or not by a group it knows.
        """
        if batch_size < 1:
            raise ConfigurationError(f"batch_size is at least 1, got {batch_size}")
        given = [{} for _ in items] if sensitive is None else sensitive
        if len(given) != len(items):
            raise ConfigurationError(f"{len(given)} rows of sensitive values for {len(items)} items; give one each")
        slots = self.slots(given)
        answers: list[Answer] = []
        with ThreadPoolExecutor(self.threads) as pool:  # Pillow decodes without Python's lock
            for start in range(0, len(items), batch_size):
                part = slice(start, start + batch_size)
                answers += self.answers(list(pool.map(self.read, items[part])), slots[part], features=features)
        return answers

    def slots(self, given: Sequence[Mapping[str, str | None]]) -> NDArray[np.int64]:
        """Returns (N,) slots of the groups that the decision rule asks for; zeros where it asks for none.

        Raises:
            ConfigurationError: a feature that the model decides by is not given, or not by a group it knows.
        """
        if self.decision is None or self.decision.feature is None:
            return np.zeros(len(given), dtype=np.int64)
        feature = self.decision.feature
        if any(feature.name not in values for values in given):
            raise ConfigurationError(
                f"this model has a threshold for each group of {feature.name!r} ({', '.join(feature.groups)}); "
                "give the group of each item, or null where it is not known"
            )
        return feature.encode(values[feature.name] for values in given)

    def decide(self, probabilities: Floats, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns (N,) class codes of (N, C) probabilities and (N,) slots."""
        if self.decision is None:
            return np.asarray(probabilities.argmax(axis=1), dtype=np.int64)
        return self.decision.decide(probabilities, slots, np.zeros(len(probabilities), dtype=np.int64))

    def answers(
        self,
        read: Sequence[Read | str],
        slots: NDArray[np.int64],
        *,
        features: bool = False,
        ran: Ran = lambda _: None,
        observe: Observe | None = None,
        unmeasured: Unmeasured | None = None,
    ) -> list[Answer]:
        """Answers for items as ``read`` returned them.

        Args:
            read: N items, or why they cannot be read.
            slots: (N,) slots, as ``slots`` returned them.
            features: Whether the features are wanted too.
            ran: Is told the seconds of each batch; what it raises ends the work.
            observe: Is handed what is known of each item that has a class, in their order.
            unmeasured: Is told why an item's properties cannot be measured, which then has none; None has it raised.
        """
        answers = [Answer(error=one) if isinstance(one, str) else Answer() for one in read]
        whole = [(place, one) for place, one in enumerate(read) if not isinstance(one, str)]
        if whole:
            probabilities, found = self.run_all([one.inputs for _, one in whole], ran)
            codes = self.decide(probabilities, slots[[place for place, _ in whole]])
            for row, (place, one) in enumerate(whole):
                shown = found[row] if features else None
                answer = Answer.of(probabilities[row], self.labels, shown, code=int(codes[row]))
                answers[place] = replace(answer, truncated=True) if one.truncated else answer
                if observe is not None:
                    properties = self._properties(one, unmeasured)
                    observe(Seen(place, int(codes[row]), probabilities[row], found[row], properties))
        return answers

    def _properties(self, read: Read, unmeasured: Unmeasured | None) -> dict[str, float]:
        try:
            return self.reader.properties(read)
        except Exception as error:  # it is for monitoring, whose failures are none of the answer's
            if unmeasured is None:
                raise
            unmeasured(error)
            return {}

    def self_test(self, bundle: Bundle) -> float:
        """Answers the bundle's goldens; returns by how much a probability differs at most.

        Raises:
            BundleError: by more than the bundle tolerates; this processor or its libraries do not answer as the
                trained model did.
        """
        goldens = Goldens.from_dict(read_json(GOLDENS, bundle.read(GOLDENS)), bundle.read)
        try:
            inputs = [self.inputs(item) for item in goldens.items.values()]
        except UnreadableFileError as error:
            raise BundleError(f"a golden input cannot be read here ({error}); export the bundle anew") from error
        found, _ = self.run_all(inputs)
        if found.shape != goldens.probabilities.shape:
            raise BundleError(f"{GOLDENS} has answers of another number of classes; export the bundle anew")
        apart = np.abs(found - goldens.probabilities).max(axis=1)
        worst = int(apart.argmax())  # a NaN is found too, and no comparison with one is true
        if not apart[worst] <= bundle.manifest.tolerance:
            raise BundleError(
                f"the answer for {list(goldens.items)[worst]} differs by {apart[worst]:.2g} from the trained "
                f"model's, and {bundle.manifest.tolerance:g} is tolerated; try another processor or ONNX Runtime"
            )
        return float(apart[worst])
