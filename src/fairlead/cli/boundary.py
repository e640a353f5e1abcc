"""Where errors become messages: the edge between the program and the person who runs it."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from functools import wraps

from fairlead.errors import FairleadError

MISUSE = 2
INTERRUPTED = 130


def clearly(main: Callable[..., int]) -> Callable[..., int]:
    """Turns what a user can mend into one message and an exit code, without a traceback.

    A ``FairleadError`` exits with 2, Ctrl-C with 130, a full disk with 1. Anything else is a defect of ours
    and keeps its traceback.

    Examples:
        >>> @clearly
        ... def main() -> int:
        ...     raise FairleadError("no such column; name another")
        >>> main()
        2
    """

    @wraps(main)
    def bounded(*arguments: object) -> int:
        try:
            return main(*arguments)
        except FairleadError as error:
            return _say(f"error: {error}", MISUSE)
        except KeyboardInterrupt:
            return _say(_INTERRUPTED, INTERRUPTED)
        except SystemExit as error:
            # Lightning turns Ctrl-C during training into an exit of its own.
            if isinstance(error.__context__, KeyboardInterrupt):
                return _say(_INTERRUPTED, INTERRUPTED)
            raise
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                full = error.filename2 or error.filename  # of a file that was moved, the place it did not fit in
                where = f" ({full})" if full else ""
                return _say(f"error: the disk is full{where}; free some space and run again", 1)
            raise

    return bounded


_INTERRUPTED = "interrupted; every file that was written is whole"


def _say(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    return code
