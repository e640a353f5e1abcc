"""What a service is made of, as a CycloneDX document: ``python -m fairlead.serving.sbom``."""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import Distribution, distributions
from typing import Any

SPECIFICATION = "1.6"


def bill_of_materials() -> dict[str, Any]:
    """Returns every installed distribution by name and version, each once, in the order of their names.

    It holds no time and no random number: the same installation gives the same document.

    References:
        CycloneDX 1.6 (ECMA-424); the package URL of a Python distribution by the purl specification.

    Examples:
        >>> found = bill_of_materials()
        >>> [part["purl"] for part in found["components"] if part["name"] == "numpy"][0].startswith("pkg:pypi/numpy@")
        True
    """
    components = {}
    for distribution in distributions():
        part = _component(distribution)
        components[part["bom-ref"]] = part
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "version": 1,
        "components": [components[key] for key in sorted(components)],
    }


def _component(distribution: Distribution) -> dict[str, Any]:
    name = re.sub(r"[-_.]+", "-", distribution.name).lower()  # as package indexes normalise it
    purl = f"pkg:pypi/{name}@{distribution.version}"
    part: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": name, "version": distribution.version}
    if "License-Expression" in distribution.metadata:
        part["licenses"] = [{"expression": distribution.metadata["License-Expression"]}]
    return part | {"purl": purl}


if __name__ == "__main__":
    json.dump(bill_of_materials(), sys.stdout, indent=1)
    sys.stdout.write("\n")
