"""The least that BentoML can serve, for the seconds until it is ready."""

import bentoml


@bentoml.service
class Trivial:
    """Nothing to load."""

    @bentoml.api
    def predict(self, text: str) -> str:
        """The text."""
        return text
