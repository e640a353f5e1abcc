"""A bundle over HTTP: the BentoML service, and a client. BentoML is imported by ``fairlead.serving.service`` alone."""

from fairlead.serving.client import Client, Explanation, Prediction
from fairlead.serving.settings import ServiceLimits, ServiceSettings

__all__ = ["Client", "Explanation", "Prediction", "ServiceLimits", "ServiceSettings"]
