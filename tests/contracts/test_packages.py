"""What the packages promise by name, and what the repository must never hold."""

import ast
import importlib
import pkgutil
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import fairlead
from fairlead.cli.finetune_flags import finetune_parser
from fairlead.records import Modality

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(found.name for found in pkgutil.walk_packages(fairlead.__path__, "fairlead.") if found.ispkg)


def tracked():
    """Lists the files of the repository, those not committed yet included."""
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("not a git checkout")
    files = [ROOT / name for name in done.stdout.decode().split("\0") if name]
    return [file for file in files if file.is_file()]


def natural(name):
    """Orders as ruff does: constants, then classes, then functions."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_promised_name_is_there_and_in_order(package):
    module = importlib.import_module(package)
    names = getattr(module, "__all__", [])
    assert [name for name in names if not hasattr(module, name)] == []
    assert list(names) == sorted(set(names), key=natural)
    # What a package imports for others to use, it promises.
    text = Path(module.__file__).read_text(encoding="utf-8")
    imported = {
        alias.asname or alias.name
        for node in ast.parse(text).body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(package)
        for alias in node.names
    }
    assert imported <= set(names)


def test_there_are_packages_to_look_at():
    assert {"fairlead.modules", "fairlead.tuning", "fairlead.audits", "fairlead.data", "fairlead.records"} <= set(
        PACKAGES
    )


def test_the_version_is_one_and_the_changelog_has_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == fairlead.__version__
    headings = re.findall(r"^## .*", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert any(fairlead.__version__ in heading for heading in headings)


# Written so that this file does not hold them itself.
HOSTS = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("anaconda", "org"), ("npmjs", "org"))]
HOMES = ["/" + name + "/" for name in ("home", "Users", "root", "work", "mnt/c", "workspace")]


def test_no_file_names_a_registry_or_someones_machine():
    found = []
    for file in tracked():
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if file.suffix in {".svg", ".ipynb"}:
            continue
        found += [f"{file.relative_to(ROOT)}: {host}" for host in HOSTS if host in text]
        found += [
            f"{file.relative_to(ROOT)}: {m}"
            for home in HOMES
            for m in re.findall(rf"(?<![\w./~-]){home}(?!bentoml/)\w+", text)
        ]
    assert found == []


def blocks(file):
    return re.findall(r"^```python\n(.*?)^```", file.read_text(encoding="utf-8"), re.M | re.S)


@pytest.mark.parametrize("name", ["README.md"])
def test_the_code_of_the_documentation_compiles_and_imports_what_there_is(name):
    code = blocks(ROOT / name)
    assert code
    for block in code:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in {"fairlead", "recipes"}:
                module = importlib.import_module(node.module)
                for alias in node.names:
                    assert hasattr(module, alias.name), f"{node.module}.{alias.name}"


@pytest.mark.parametrize("modality", Modality)
def test_every_flag_of_the_documentation_is_one_of_the_recipe(modality):
    known = set(finetune_parser(modality, program="demo", description="")._option_string_actions)
    recipe = f"recipes.finetune_{modality}"
    told = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), ROOT / f"{recipe.replace('.', '/')}.py"]
    lines = [line for file in told for line in file.read_text(encoding="utf-8").splitlines() if f"-m {recipe}" in line]
    assert len(lines) >= 4
    for line in lines:
        assert set(re.findall(r"(?<= )--[a-z-]+", line.partition(recipe)[2].partition("`")[0])) <= known, line


def test_the_words_we_do_not_use_of_a_model_are_not_in_what_we_tell_people():
    forbidden = re.compile(r"\b(unbiased|debiased|trustworthy|guaranteed)\b", re.I)
    for file in tracked():
        if file.parent.is_relative_to(ROOT / "src") and file.suffix == ".py":
            # An estimator may be unbiased; a model is not called so, and strings are what people read.
            strings = [
                node.value
                for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            ]
            assert not [text for text in strings if re.search(r"\bmodel\b", text) and forbidden.search(text)], file
