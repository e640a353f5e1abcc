"""A bundle, served on this machine."""

from __future__ import annotations

import ipaddress
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairlead.cli.parser import Parser
from fairlead.errors import BundleError, ConfigurationError, OutputFolderError, ServiceError, UnknownNameError

if TYPE_CHECKING:
    from fairlead.bundle import Bundle
    from fairlead.serving.monitor_settings import MonitorSettings
    from fairlead.serving.settings import ServiceSettings

SERVICE = "fairlead.serving.app:service"
BLOCKED = 1
_TEXT = '{"text": "..."}'
_PATIENCE = 60.0


def run_serve(arguments: Sequence[str]) -> int:
    """Serves until it is told to stop; returns 1 where the gate blocks, before anything is started."""
    options = _parser().parse_args(list(arguments))
    host = "127.0.0.1" if options.host == "localhost" else options.host
    _check_address(host, options)

    from fairlead.bundle import Bundle, check_runtime
    from fairlead.serving.settings import ServiceSettings

    check_runtime(options.runtime)
    if options.policy is not None:
        from fairlead.judgement import Policy

        Policy.from_file(Path(options.policy))  # told here: the service would answer on without
    environment = _environment(options)
    settings = ServiceSettings.from_environment(environment)
    _require_key(host, settings.api_key is not None, settings.open_to_all)
    _check_folder(settings.monitor)
    command = [sys.executable, "-m", "bentoml", "serve", SERVICE, "--host", host, "--port", str(options.port)]
    with _running(command, environment) as server:
        bundle = Bundle.open(options.bundle)
        _check_groups(bundle, settings.monitor)
        if refused := _refused(bundle, settings):  # known before the server has started
            print(f"error: {refused}", file=sys.stderr)
            return BLOCKED
        try:
            _tell(server, _reachable(host, options.port), bundle, with_key=settings.api_key is not None)
            return server.wait()
        except KeyboardInterrupt:
            print("stopping: what is being answered is answered first", file=sys.stderr)
            return 0


def _parser() -> Parser:
    parser = Parser(
        prog="fairlead serve",
        description="Answer over HTTP with a bundle: POST /predict, GET /model. A bundle that is not whole, or that "
        "its gate blocks, is not served; an override is held in memory and shown by /model. Limits are set in the "
        "environment: docs/serving.md has them. The exit code is 0 after Ctrl-C, 1 where the gate blocks, 2 on misuse.",
    )
    add = parser.add_argument
    add("bundle", type=str, metavar="BUNDLE", help="a bundle's folder, such as RUN/bundle")
    add("--host", type=str, default="127.0.0.1", metavar="ADDRESS", help="where to listen; 0.0.0.0 for everywhere")
    add("--port", type=int, default=3000, metavar="N", help="where to listen")
    add("--override", type=str, default=None, metavar="REASON", help="serve what the gate blocks, and why")
    add("--by", type=str, default=None, metavar="NAME", help="who answers for the override")
    add("--key", type=str, default=None, metavar="PUB", help="public key (PEM) the bundle must be signed by")
    add("--api-key-file", type=str, default=None, metavar="FILE", help="holds the key that clients must send")
    add(
        "--runtime",
        type=str,
        default="onnxruntime",
        metavar="NAME",
        help="what runs the graph: onnxruntime, or openvino where it is installed and faster",
    )
    add("--monitor-folder", type=str, default=None, metavar="DIR", help="where monitoring keeps its log and state")
    add(
        "--monitor-groups",
        type=str,
        default=None,
        metavar="A,B",
        help="sensitive features whose values are kept, where a request carries them; default: none",
    )
    add("--policy", type=str, default=None, metavar="FILE", help="limits that groups in service are held against")
    add("--no-api-key", action="store_true", help="answer anyone, beyond this machine too")
    return parser


def _environment(options: Any) -> dict[str, str]:  # options: what jsonargparse parsed, attributes by flag
    given = {
        "BENTOML_DO_NOT_TRACK": "True",
        "FAIRLEAD_BUNDLE": str(Path(options.bundle).absolute()),
        "FAIRLEAD_KEY": options.key and str(Path(options.key).absolute()),
        "FAIRLEAD_API_KEY_FILE": options.api_key_file and str(Path(options.api_key_file).absolute()),
        "FAIRLEAD_RUNTIME": options.runtime,
        "FAIRLEAD_MONITOR_GROUPS": options.monitor_groups,
        "FAIRLEAD_MONITOR_FOLDER": options.monitor_folder and str(Path(options.monitor_folder).absolute()),
        "FAIRLEAD_POLICY": options.policy and str(Path(options.policy).absolute()),
        "FAIRLEAD_NO_API_KEY": "true" if options.no_api_key else None,
    }
    if options.override is not None or options.by is not None:
        from fairlead.evidence import Override

        signed = Override(options.override or "", options.by or "", date.today().isoformat())
        given |= {"FAIRLEAD_OVERRIDE": signed.reason, "FAIRLEAD_OVERRIDE_BY": signed.name}
    # Else glibc raises its threshold after the first large block, and then keeps what pictures took, 500 MB in the end.
    kept = {"MALLOC_MMAP_THRESHOLD_": "1048576", "OTEL_SDK_DISABLED": "true"}
    return kept | dict(os.environ) | {name: value for name, value in given.items() if value}


def _check_address(host: str, options: Any) -> None:
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
    except ValueError as error:
        raise ConfigurationError(f"--host is an IP address or localhost, got {host!r}") from error
    if not 0 < options.port < 65536:
        raise ConfigurationError(f"--port is from 1 to 65535, got {options.port}")
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, options.port))
        except OSError as error:
            raise ConfigurationError(
                f"{host} port {options.port} cannot be listened on ({error.strerror}); name another with --port"
            ) from error


def _require_key(host: str, has_key: bool, open_to_all: bool) -> None:
    if not (ipaddress.ip_address(host).is_loopback or has_key or open_to_all):
        raise ConfigurationError(
            f"{host} can be reached from other machines, and there is no API key; name one with --api-key-file, "
            "or answer anyone with --no-api-key"
        )


def _check_folder(monitor: MonitorSettings) -> None:
    """Refuses a folder that nothing can be kept in: the service would answer on without a log."""
    if not monitor.on or monitor.folder is None:
        return
    try:
        monitor.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        reason = "" if os.access(monitor.folder, os.W_OK | os.X_OK) else "it is not yours to write"
    except OSError as error:
        reason = str(error.strerror)
    if reason:
        raise OutputFolderError(f"monitoring cannot write {monitor.folder} ({reason}); name another, --monitor-folder")


def _check_groups(bundle: Bundle, monitor: MonitorSettings) -> None:
    """Refuses a feature that the bundle does not know: the service would answer on, and nothing would be watched."""
    known = [tally.by.feature for tally in bundle.tallies]
    for name in monitor.groups if monitor.on else ():
        if name not in known:
            raise UnknownNameError("sensitive feature", name, known, where="the bundle (--monitor-groups)")


def _refused(bundle: Bundle, settings: ServiceSettings) -> str:
    """Returns what the gate blocks; empty where nobody need answer for the bundle, or somebody does."""
    from fairlead.serving.served_model import check_gate

    try:
        check_gate(bundle, settings)
    except BundleError as error:
        return str(error)
    return ""


@contextmanager
def _running(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Starts the server, and ends it at the end, or at a signal to this process."""

    def stop(number: int, frame: object) -> None:
        del number, frame
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGTERM, stop)
    # A session of its own: Ctrl-C reaches this process alone, which then asks the server to stop, once.
    with subprocess.Popen(command, env=environment, start_new_session=True) as server:
        try:
            yield server
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            if server.poll() is None:
                server.terminate()
                server.wait()
            signal.signal(signal.SIGTERM, former)


def _reachable(host: str, port: int) -> str:
    named = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # compared, not listened on
    return f"http://[{named}]:{port}" if ":" in named else f"http://{named}:{port}"


def _tell(server: subprocess.Popen[bytes], url: str, bundle: Bundle, *, with_key: bool) -> None:
    from fairlead.preprocessing import TextPreprocessing
    from fairlead.serving import Client

    client, begun = Client(url, timeout=5), time.monotonic()
    while True:
        try:
            client.check_ready()
            break
        except ServiceError as error:
            if server.poll() is not None:
                raise ConfigurationError("the service ended before it was ready; its log above says why") from error
            if error.code not in {"starting", "unreachable"} or time.monotonic() - begun > _PATIENCE:
                raise
        time.sleep(0.05)
    header = " -H 'Authorization: Bearer KEY'" if with_key else ""
    print(f"{'ready':<12}{url}")
    of_texts = isinstance(bundle.preprocessing, TextPreprocessing)
    sent = f"--json {shlex.quote(_TEXT)}" if of_texts else "-F image=@PICTURE.jpg"
    print(f"{'try':<12}curl{header} {sent} {shlex.quote(url + '/predict')}")
    print(f"{'stop':<12}Ctrl-C", flush=True)
