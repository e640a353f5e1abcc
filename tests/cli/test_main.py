"""The command: verbs, help, and what it costs to start."""

import json
import subprocess
import sys

import pytest

import fairlead
from fairlead.cli.main import VERBS, main

HEAVY = ("torch", "torchvision", "lightning", "timm", "sklearn", "matplotlib", "pyarrow", "jsonargparse")
LIGHT = (
    "fairlead",
    "fairlead.cli.main",
    "fairlead.records",
    "fairlead.evidence",
    "fairlead.measures",
    "fairlead.preprocessing",
    "fairlead.report",
)
SCRIPT = """
import importlib, json, sys
found = {}
for name in sys.argv[1].split(","):
    importlib.import_module(name)
    found[name] = sorted({module.partition(".")[0] for module in sys.modules})
print(json.dumps(found))
"""


def test_the_foundation_and_the_command_import_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, ",".join(LIGHT)], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert set(found) == set(LIGHT)
    for name, modules in found.items():
        assert not set(modules) & set(HEAVY), f"import {name}"


@pytest.mark.parametrize("flag", ["--help", "-h", "help"])
def test_help_names_every_verb(capsys, flag):
    assert main([flag]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {verb} " in shown for verb in VERBS)


def test_without_a_verb_it_explains_itself_and_exits_with_two(capsys):
    assert main([]) == 2
    assert "usage: fairlead" in capsys.readouterr().out


def test_the_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"fairlead {fairlead.__version__}\n"


@pytest.mark.parametrize(("given", "meant"), [("predit", "predict"), ("Fit", "fit"), ("tset", "test")])
def test_an_unknown_verb_is_answered_with_the_nearest(capsys, given, meant):
    assert main([given]) == 2
    error = capsys.readouterr().err
    assert f"did you mean '{meant}'" in error
    assert error.count("\n") == 1
