"""Who stands behind a bundle: a detached signature over every file of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fairlead.bundle.manifest import SIGNATURE
from fairlead.errors import BundleError, ConfigurationError, UnreadableFileError


def sign_bundle(folder: Path, key: Path, password: str | None = None) -> Path:
    """Signs every file of a bundle with a private elliptic-curve key, offline; a signature that is there is replaced.

    Args:
        folder: The bundle.
        key: A PEM file; ``openssl ecparam -name prime256v1 -genkey -noout -out key.pem`` makes one.
        password: Of the key, where it has one.

    Returns:
        The file of the signature, which no digest covers.

    Raises:
        ConfigurationError: the package for it is not installed.
        UnreadableFileError: a file that is no such key.
    """
    hashing, signing, _ = _packages()
    _check_key(key)
    signature = folder / SIGNATURE
    signature.parent.mkdir(exist_ok=True)
    secret: Any = None if password is None else password.encode("utf-8")  # said to be text, and taken as bytes
    try:
        signer = signing.Config().use_elliptic_key_signer(private_key=key, password=secret)
    except Exception as error:  # what the package raises for a foreign or a locked key is not a closed list
        raise UnreadableFileError(
            f"{key} is no private elliptic-curve key in PEM ({error}); make one with "
            "openssl ecparam -name prime256v1 -genkey -noout -out key.pem"
        ) from error
    signer.set_hashing_config(_all_but_signature(hashing)).sign(folder, signature)
    return signature


def verify_signature(folder: Path, key: Path) -> None:
    """Holds a bundle against its signature.

    Args:
        folder: The bundle.
        key: The public key in PEM; ``openssl ec -in key.pem -pubout -out key.pub`` makes it.

    Raises:
        BundleError: no signature, one by another key, or one for other files.
        ConfigurationError: the package for it is not installed.
        UnreadableFileError: a file that is no such key.
    """
    hashing, _, verifying = _packages()
    _check_key(key)
    signature = folder / SIGNATURE
    if not signature.is_file():
        raise BundleError(f"{folder} is not signed; sign it with fairlead bundle RUN --sign KEY, or leave --key out")
    try:
        verifier = verifying.Config().use_elliptic_key_verifier(public_key=key)
    except Exception as error:  # likewise
        raise UnreadableFileError(
            f"{key} is no public elliptic-curve key in PEM ({error}); make one with "
            "openssl ec -in key.pem -pubout -out key.pub"
        ) from error
    try:
        verifier.set_hashing_config(_all_but_signature(hashing)).verify(folder, signature)
    except Exception as error:  # what the package raises for a foreign or malformed signature is not a closed list
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200].strip(" .")
        raise BundleError(
            f"the signature of {folder} does not hold ({reason}); it is by another key, or for other files: "
            "do not use the bundle, and ask who made it"
        ) from error


def _all_but_signature(hashing: Any) -> Any:
    return hashing.Config().set_ignored_paths(paths=[SIGNATURE], ignore_git_paths=False)


def _check_key(key: Path) -> None:
    if not key.is_file():
        raise UnreadableFileError(f"there is no key {key}; name a PEM file")


def _packages() -> tuple[Any, Any, Any]:
    try:
        from model_signing import hashing, signing, verifying
    except ImportError as error:
        raise ConfigurationError(
            "signatures are made and checked by the package model-signing, which is not installed; "
            "pip install 'fairlead[sign]'"
        ) from error
    return hashing, signing, verifying
