"""A parser of flags that teaches."""

from __future__ import annotations

import difflib
import re
from argparse import Action, RawDescriptionHelpFormatter
from typing import Any, NoReturn

from jsonargparse import ArgumentParser, DefaultHelpFormatter


class _Formatter(DefaultHelpFormatter, RawDescriptionHelpFormatter):
    """Keeps the lines of the description, and shows a default only where there is one."""

    def _get_help_string(self, action: Action) -> str:
        text = action.help or ""
        if not action.option_strings or action.default in (None, [], False, "==SUPPRESS=="):
            return text
        return f"{text} (default: {action.default})"


class Parser(ArgumentParser):
    """jsonargparse's parser with ``--config``, which suggests the flag that was meant.

    Examples:
        >>> parser = Parser(prog="demo")
        >>> _ = parser.add_argument("--epochs", type=int)
        >>> parser.nearest("--epocs")
        ['--epochs']
    """

    def __init__(self, **settings: Any) -> None:  # what argparse takes
        super().__init__(formatter_class=_Formatter, allow_abbrev=False, **settings)
        self.add_argument("--config", action="config", help="a YAML file of these options, such as RUN/config.yaml")

    def nearest(self, flag: str) -> list[str]:
        """Returns the known flags that look like one that is not known."""
        known = [option[2:] for option in self._option_string_actions if option.startswith("--")]
        # Without the dashes, which make every flag look a little like every other.
        return [f"--{name}" for name in difflib.get_close_matches(flag.removeprefix("--"), known, n=2, cutoff=0.6)]

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Ends with exit code 2; a mistyped flag is answered with the nearest."""
        unknown = re.findall(r"--[\w-]+", message) if "nrecognized arguments" in message else []
        near = [f"{flag} -> {' or '.join(found)}" for flag in unknown if (found := self.nearest(flag))]
        super().error(message + (f"; did you mean: {', '.join(near)}?" if near else ""), ex)
        raise SystemExit(2)
