"""What ``bentoml serve fairlead.serving.app:service`` serves: the bundle that ``FAIRLEAD_BUNDLE`` names."""

from fairlead.serving.service import make_service
from fairlead.serving.settings import ServiceSettings

service = make_service(ServiceSettings.from_environment())
