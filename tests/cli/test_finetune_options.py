"""Flags: read, refused, written and read again."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from fairlead.cli.finetune_options import FinetuneOptions
from fairlead.errors import ConfigurationError
from fairlead.evidence import Limit
from fairlead.judgement import Policy
from fairlead.modules.adapters import ADAPTER_METHODS
from fairlead.records import Modality, RunFolder
from fairlead.tuning import METHODS


def parse(*arguments, modality=Modality.IMAGE):
    return FinetuneOptions.parse(arguments, program="demo", description="A demonstration.", modality=modality)


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as caught:
        parse(*arguments)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert "Traceback" not in error
    return error


def test_defaults():
    options = parse()
    assert options.data is None
    assert (options.sensitive, options.epochs, options.batch_size, options.seed, options.quick) == ((), 6, 32, 0, False)


EVERY = (
    *("--data", "my photos.csv", "--image-column", "path", "--label", "diagnosis"),
    *("--sensitive", "sex", "age group", "--backbone", "random:test_resnet", "--image-size", "48"),
    *("--epochs", "3", "--batch-size", "8", "--output", "runs/a b", "--seed", "5", "--quick"),
    *("--policy", "our policy.yaml", "--strict", "--intersect", "sex", "age group", "--intersect", "sex", "site"),
    *("--mitigate", "thresholds", "--adapter", "lora"),
)
EVERY_TEXT = (
    *("--data", "our posts.csv", "--text-column", "body", "--text-pair-column", "answer", "--label", "topic"),
    *("--fewshot", "8", "--max-tokens", "64", "--backbone", "embedded:minilm-l6", "--learning-rate", "2e-5"),
)
GIVEN = [
    *((given, Modality.IMAGE) for given in ((), EVERY, ("--label", "007"), ("--label", "yes: no"))),
    *((given, Modality.TEXT) for given in ((), EVERY_TEXT, ("--sensitive", "null", "1"), ("--epochs", "0"))),
]


@pytest.mark.parametrize(("given", "modality"), GIVEN)
def test_the_written_options_given_back_are_the_same(tmp_path, given, modality):
    options = parse(*given, modality=modality)
    options.write(tmp_path / "config.yaml")
    again = FinetuneOptions.of_run(RunFolder(tmp_path))  # which finds out by itself whose options they are
    # But for the folder, of which the next run needs one of its own, and the data, found from anywhere.
    data = str(Path(options.data).absolute()) if options.data else None
    assert replace(again, yaml="") == replace(options, yaml="", output=None, data=data)
    # And once more: what was written from a file is the file.
    again.write(tmp_path / "again.yaml")
    assert (tmp_path / "again.yaml").read_text() == (tmp_path / "config.yaml").read_text()


def test_few_rows_are_probed_and_not_fine_tuned_unless_it_is_asked_for():
    assert parse(modality=Modality.TEXT).epochs == 3
    assert parse("--fewshot", "8", modality=Modality.TEXT).epochs == 0
    assert parse("--fewshot", "8", "--epochs", "2", modality=Modality.TEXT).epochs == 2


def test_the_options_of_one_recipe_are_refused_by_the_other(tmp_path, capsys):
    parse(modality=Modality.TEXT).write(tmp_path / "config.yaml")
    assert "modality" in refused(capsys, "--config", str(tmp_path / "config.yaml"))
    assert "--text-column" not in refused(capsys, "--text-colum", "body")  # no flag of another recipe is suggested


@pytest.mark.parametrize("content", [None, "- a list", "modality: sound", "a: [", b"\xff"])
def test_options_that_a_run_did_not_keep_are_one_message(tmp_path, content):
    if content is not None:
        (tmp_path / "config.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigurationError, match=r"config.yaml holds no options that can be read"):
        FinetuneOptions.of_run(RunFolder(tmp_path))


def test_a_flag_wins_over_the_file(tmp_path):
    parse("--epochs", "3", "--seed", "8").write(tmp_path / "config.yaml")
    file = str(tmp_path / "config.yaml")
    for given in (("--config", file, "--epochs", "1"), ("--epochs", "1", f"--config={file}")):
        options = parse(*given)
        assert (options.epochs, options.seed) == (1, 8)


@pytest.mark.parametrize(
    "given",
    [
        ("--sensitive", "a", "b", "--sensitive", "c"),
        ("--sensitive", "a", "b", "c"),
        ("--sensitive", "a", "b", "c", "a"),
    ],
)
def test_sensitive_columns_add_up_and_count_once(given):
    assert parse(*given).sensitive == ("a", "b", "c")


def test_each_intersection_is_kept_and_its_columns_are_sensitive():
    options = parse("--sensitive", "a", "--intersect", "a", "b", "--intersect", "b", "c", "--intersect", "a", "b")
    assert options.intersect == (("a", "b"), ("b", "c"))
    assert options.sensitive == ("a", "b", "c")


@pytest.mark.parametrize(
    ("given", "match"),
    [
        (("--epochs", "-1"), "^--epochs is at least 0, got -1;"),
        (("--batch-size", "1"), "^--batch-size is at least 2, got 1;"),
        (("--batch-size", "0"), "^--batch-size is at least 2, got 0;"),
        (("--seed", "-5"), "^--seed is a whole number from 0 to 4294967295, got -5$"),
        (("--seed", str(2**32)), "^--seed is a whole number from 0 to 4294967295, got 4294967296$"),
        (("--image-size", "31"), "31"),
        (("--image-size", "-5"), "-5"),
        (("--image-size", "31"), "^--image-size is at least 32, got 31;"),
    ],
)
def test_numbers_out_of_range_are_refused(given, match):
    with pytest.raises(ConfigurationError, match=match):
        parse(*given)


@pytest.mark.parametrize("given", [("--epochs", "many"), ("--epochs", "1.5"), ("--batch-size", "")])
def test_what_is_no_number_is_refused_with_the_flag(capsys, given):
    assert given[0].removeprefix("--").replace("-", "_") in refused(capsys, *given).replace("-", "_")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (("--sensative", "sex"), "--sensitive"),
        (("--epocs", "1"), "--epochs"),
        (("--outpt=x",), "--output"),
        (("--batch_size", "4"), "--batch-size"),
        (("--backbon", "x"), "--backbone"),
    ],
)
def test_a_misspelt_flag_is_answered_with_the_nearest(capsys, given, meant):
    error = refused(capsys, *given)
    assert f"{given[0].partition('=')[0]} -> {meant}" in error


def test_a_flag_like_no_other_is_refused_without_a_guess(capsys):
    assert "did you mean" not in refused(capsys, "--zzzzqqq", "1")


def test_a_config_file_with_an_unknown_key_or_none_at_all_is_refused(capsys, tmp_path):
    (tmp_path / "c.yaml").write_text("epocs: 3\n")
    assert "epocs" in refused(capsys, "--config", str(tmp_path / "c.yaml"))
    assert "missing.yaml" in refused(capsys, "--config", str(tmp_path / "missing.yaml"))


OTHERS = {
    Modality.IMAGE: {"text_column", "text_pair_column", "fewshot", "max_tokens", "terms"},
    Modality.TEXT: {"image_column", "image_size", "region"},
}


@pytest.mark.parametrize("modality", Modality)
def test_help_explains_every_flag_of_the_recipe_and_no_other(capsys, modality):
    with pytest.raises(SystemExit) as caught:
        parse("--help", modality=modality)
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    flags = {name: f"--{name.replace('_', '-')} " for name in FinetuneOptions.__dataclass_fields__}
    hidden = {"yaml", "modality", *OTHERS[modality]}
    assert {name for name, flag in flags.items() if flag not in shown.replace(",", " ").replace("]", " ")} == hidden


def test_what_should_not_matter_is_named_by_columns_a_border_or_terms():
    found = parse("--region", "ruler_mask", "border", "--region", "border", "--explain", "0")
    assert (found.region, found.terms, found.explain) == (("ruler_mask", "border"), (), 0)
    words = parse("--terms", "he, she", "his,her", modality=Modality.TEXT)
    assert words.terms == (("he", "she"), ("his", "her"))
    assert parse().explain == 8
    for given in ("he", "he,", ",", "he she"):
        with pytest.raises(ConfigurationError, match="--terms takes two terms or more"):
            parse("--terms", given, modality=Modality.TEXT)
    with pytest.raises(ConfigurationError, match="--explain is at least 0, got -1"):
        parse("--explain", "-1")


def test_the_policy_is_the_default_or_the_file(tmp_path):
    assert parse().limits() == Policy.default()
    assert parse().strict is False
    (tmp_path / "mine.yaml").write_text("limits: {accuracy_difference: 0.05}\n")
    limits = parse("--policy", str(tmp_path / "mine.yaml")).limits().limits
    assert limits == {"accuracy_difference": Limit(0.05)}


def test_the_flag_offers_every_adapter():
    for method in ("none", *ADAPTER_METHODS):
        assert parse("--adapter", method).adapter == method
    with pytest.raises(SystemExit):
        parse("--adapter", "lra")


def test_the_flag_offers_every_way_to_choose_thresholds(capsys):
    for method in METHODS:
        assert parse("--sensitive", "sex", "--mitigate", method).mitigate == method
    with pytest.raises(SystemExit):
        parse("--help")
    assert "none," + ",".join(METHODS) in re.sub(r"\s+", "", capsys.readouterr().out)
