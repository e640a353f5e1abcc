"""What a user can mend is one message; what is our defect keeps its traceback."""

import errno

import pytest

from fairlead.cli.boundary import clearly
from fairlead.errors import BackboneError, DataError, FairleadError, UnknownNameError


def raising(error):
    @clearly
    def main():
        raise error

    return main


@pytest.mark.parametrize(
    "error",
    [
        FairleadError("a; do b"),
        DataError("a; do b"),
        BackboneError("a; do b"),
        UnknownNameError("verb", "fti", ["fit"]),
    ],
)
def test_what_fairlead_refuses_is_one_line_and_exits_with_two(error, capsys):
    assert raising(error)() == 2
    captured = capsys.readouterr()
    assert captured.err == f"error: {error}\n"
    assert captured.out == ""


def test_ctrl_c_exits_with_130_without_a_traceback(capsys):
    assert raising(KeyboardInterrupt())() == 130
    assert "Traceback" not in capsys.readouterr().err


def test_lightnings_exit_after_ctrl_c_is_ctrl_c(capsys):
    @clearly
    def main():
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise SystemExit(1)  # noqa: B904 - as Lightning does it

    assert main() == 130
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize("code", [0, 2, "why"])
def test_another_exit_is_passed_on(code):
    with pytest.raises(SystemExit) as caught:
        raising(SystemExit(code))()
    assert caught.value.code == code


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_and_exits_with_one(number, capsys):
    assert raising(OSError(number, "full", "runs/a/model.ckpt"))() == 1
    error = capsys.readouterr().err
    assert "runs/a/model.ckpt" in error
    assert "free some space" in error


@pytest.mark.parametrize("error", [ValueError("ours"), OSError(errno.EIO, "ours"), RuntimeError("ours"), KeyError("k")])
def test_a_defect_keeps_its_traceback(error):
    with pytest.raises(type(error)) as caught:
        raising(error)()
    assert caught.value is error


def test_arguments_and_the_exit_code_pass_through():
    @clearly
    def main(first, second):
        return first + second

    assert main(3, 4) == 7
    assert main.__name__ == "main"
