"""Whether a bundle is whole, answers as it should, and may be released."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fairlead.cli.parser import Parser

BLOCKED = 1


def run_verify(arguments: Sequence[str]) -> int:
    """Opens a bundle, checks its signature and answers its goldens; returns 1 where the gate does not pass."""
    parser = Parser(
        prog="fairlead verify",
        description="Check a bundle: every file against its digest, the signature where a key is given, and the golden "
        "inputs against their known answers. The exit code is 0 where the bundle is good and its gate passes or was "
        "overridden, 1 where the gate blocks, 2 where the bundle is not whole, or on misuse.",
    )
    parser.add_argument("bundle", type=str, metavar="BUNDLE", help="a bundle's folder, such as RUN/bundle")
    parser.add_argument("--key", type=str, default=None, metavar="PUB", help="public key (PEM) it must be signed by")
    options = parser.parse_args(list(arguments))

    from fairlead.bundle import Bundle, Predictor, verify_signature
    from fairlead.cli.bundle_story import tell_bundle

    folder = Path(options.bundle)
    bundle = Bundle.open(folder)
    signature = "there is one; check it with --key PUB" if bundle.signed else "none"
    if options.key is not None:
        verify_signature(folder, Path(options.key))
        signature = f"holds for {options.key}"
    apart = Predictor.of(bundle).self_test(bundle)
    tell_bundle(bundle, apart=apart, signature=signature)
    return 0 if bundle.manifest.passes else BLOCKED
