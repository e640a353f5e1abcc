"""Weights by name, folder and file: found and whole, or an error that names what was tried and the ways out."""

from __future__ import annotations

import json
from pathlib import Path

import huggingface_hub
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from timm.models import save_for_hf

from fairlead.backbones import find_weights, load_backbone, rebuild_backbone
from fairlead.errors import BackboneError, ConfigurationError, UnknownNameError

TOLD_APART = 7  # classes of the classifier in the files: no model has as many by default


def model_of(architecture: str = "test_resnet", classes: int = TOLD_APART, **options: object) -> torch.nn.Module:
    torch.manual_seed(0)
    model = timm.create_model(architecture, num_classes=classes, **options)
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_()
    return model.eval()


def folder_of(folder: Path, model: torch.nn.Module, **options: object) -> Path:
    """A folder as timm itself writes it."""
    save_for_hf(model, folder, safe_serialization=True, **options)
    for file in folder.glob("*.bin"):
        file.unlink()
    return folder


def file_of(path: Path, model: torch.nn.Module, **metadata: str) -> Path:
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, path, metadata or None)
    return path


def pictures(size: tuple[int, int], rows: int = 3) -> torch.Tensor:
    return torch.randint(0, 256, (rows, 3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def assert_same_features(name: str, model: torch.nn.Module, size: int = 64) -> None:
    """The backbone gives what timm's own model gives before its classifier, on pixels normalised by hand."""
    backbone = load_backbone(name, image_size=size).eval()
    mean, std = (
        torch.tensor(value).view(1, 3, 1, 1) for value in (model.pretrained_cfg["mean"], model.pretrained_cfg["std"])
    )
    inputs = pictures((size, size))
    expected = model.forward_head(model.forward_features((inputs / 255 - mean) / std), pre_logits=True)
    found = backbone(inputs)
    assert torch.equal(found, expected)
    assert found.shape == (3, backbone.features)
    assert found.std() > 0


# -- what is found ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "local-dir:"])
@pytest.mark.parametrize("architecture", ["test_resnet", "test_convnext", "test_efficientnet"])
def test_a_folder_in_timms_layout_gives_timms_features(tmp_path: Path, architecture: str, prefix: str) -> None:
    model = model_of(architecture)
    folder = folder_of(tmp_path / "weights", model)
    assert_same_features(f"{prefix}{folder}", model)
    backbone = load_backbone(f"{prefix}{folder}")
    tensors = len(model.state_dict())
    assert backbone.matched == f"{tensors - 2} of {tensors} tensors (the classifier left out)"
    assert backbone.origin == "folder weights"
    assert backbone.architecture == architecture
    assert backbone.pretrained


def test_a_vision_transformer_of_its_own_size(tmp_path: Path) -> None:
    model = model_of("test_vit")
    folder = folder_of(tmp_path / "weights", model)
    assert_same_features(str(folder), model, size=160)
    smaller = load_backbone(str(folder), image_size=64).eval()
    assert smaller.preprocessing.size == (64, 64)
    assert smaller(pictures((64, 64))).shape == (3, 64)


def test_a_folder_whose_configuration_says_no_more_than_the_architecture(tmp_path: Path) -> None:
    for architecture in ("test_resnet", "test_vit"):
        model = model_of(architecture)
        folder = tmp_path / architecture
        folder.mkdir()
        file_of(folder / "model.safetensors", model)
        (folder / "config.json").write_text(
            json.dumps({"architecture": f"{architecture}.mine", "pretrained_cfg": None})
        )
        assert load_backbone(str(folder)).preprocessing.size == (160, 160)
        assert_same_features(str(folder), model, size=160)


def test_keys_of_another_release_do_no_harm(tmp_path: Path) -> None:
    model = model_of()
    folder = folder_of(tmp_path / "w", model)
    content = json.loads((folder / "config.json").read_text())
    content["pretrained_cfg"] |= {"from_the_future": 1, "custom_load": True, "label_offset": 1}
    (folder / "config.json").write_text(json.dumps(content))
    assert_same_features(str(folder), model)


@pytest.mark.parametrize("name", ["test_resnet", "test_resnet.r160_in1k", "test_resnet.my-own"])
def test_a_file_says_its_architecture_by_its_name(tmp_path: Path, name: str) -> None:
    model = model_of()
    file = file_of(tmp_path / f"{name}.safetensors", model)
    assert_same_features(str(file), model)
    assert load_backbone(str(file)).origin == f"file {name}.safetensors"


def test_a_file_says_its_architecture_by_its_metadata_or_the_configuration_beside_it(tmp_path: Path) -> None:
    model = model_of("test_convnext")
    assert_same_features(str(file_of(tmp_path / "best.safetensors", model, architecture="test_convnext")), model)
    folder = folder_of(tmp_path / "folder", model)
    assert_same_features(str(folder / "model.safetensors"), model)
    (folder / "model.safetensors").rename(folder / "epoch=3.safetensors")
    assert_same_features(str(folder / "epoch=3.safetensors"), model)


def test_a_transformer_whose_original_is_of_another_format(tmp_path: Path) -> None:
    # timm marks it custom_load: what lies on the hub today is not what that speaks of.
    assert timm.get_pretrained_cfg("vit_tiny_patch16_224").custom_load
    torch.manual_seed(0)
    model = timm.create_model("vit_tiny_patch16_224", num_classes=2).eval()
    assert_same_features(str(file_of(tmp_path / "vit_tiny_patch16_224.safetensors", model)), model, size=224)


def test_a_file_without_a_classifier(tmp_path: Path) -> None:
    model = model_of(classes=0)
    backbone = load_backbone(str(file_of(tmp_path / "test_resnet.safetensors", model)))
    count = len(model.state_dict())
    assert backbone.matched == f"{count} of {count} tensors"
    assert torch.equal(backbone.encoder.state_dict()["conv1.0.weight"], model.state_dict()["conv1.0.weight"])


def test_random_weights_say_so() -> None:
    backbone = load_backbone("random:test_resnet", image_size=48)
    assert (backbone.origin, backbone.matched, backbone.pretrained) == ("random weights", "no file", False)
    assert backbone.preprocessing.size == (48, 48)


def test_the_cache_of_the_hub_is_used_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of()
    file = file_of(tmp_path / "model.safetensors", model)
    asked: list[tuple[str, str]] = []

    def cached(repository: str, name: str) -> str:
        asked.append((repository, name))
        return str(file)

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", cached)
    assert_same_features("test_resnet.r160_in1k", model)
    assert asked == [("timm/test_resnet.r160_in1k", "model.safetensors")]
    assert find_weights("test_resnet").origin == "hub timm/test_resnet.r160_in1k"


# -- what does not fit -----------------------------------------------------------------------------------


def changed(tmp_path: Path, name: str, tensor: torch.Tensor | None) -> str:
    file = file_of(tmp_path / "test_resnet.safetensors", model_of())
    content = load_file(file)
    content.pop(name, None)
    save_file(content if tensor is None else {**content, name: tensor}, file)
    return str(file)


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("layer2.0.conv1.weight", None),
        ("bn1.running_mean", None),
        ("fc.bias", None),
        ("layer9.weight", torch.zeros(2)),
        ("layer2.0.bn1.weight", torch.zeros(5)),
        ("conv1.0.weight", torch.zeros(16, 4, 3, 3)),
        ("fc.weight", torch.zeros(TOLD_APART, 3)),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(tmp_path: Path, name: str, tensor: torch.Tensor | None) -> None:
    with pytest.raises(BackboneError, match=rf"test_resnet\.safetensors do not fit test_resnet: .*{name}.*; name the"):
        load_backbone(changed(tmp_path, name, tensor))


@pytest.mark.parametrize("other", ["test_vit", "test_convnext", "test_efficientnet", "test_nfnet", "resnet18"])
def test_weights_of_another_architecture(tmp_path: Path, other: str) -> None:
    file = file_of(tmp_path / f"{other}.safetensors", model_of())
    with pytest.raises(BackboneError, match=rf"do not fit {other}: .*; name the architecture they were trained with"):
        load_backbone(str(file))


@pytest.mark.parametrize("length", [0, 5, 200, -50])
def test_a_file_that_is_cut_short(tmp_path: Path, length: int) -> None:
    file = file_of(tmp_path / "test_resnet.safetensors", model_of())
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(BackboneError, match=r"test_resnet\.safetensors is not a whole safetensors file .*copy or"):
        load_backbone(str(file))
    folder = folder_of(tmp_path / "w", model_of())
    (folder / "model.safetensors").write_bytes(file.read_bytes())
    with pytest.raises(BackboneError, match=r"model\.safetensors is not a whole safetensors file"):
        load_backbone(str(folder))


def test_a_file_that_does_not_say_what_it_is(tmp_path: Path) -> None:
    file = file_of(tmp_path / "best.safetensors", model_of())
    with pytest.raises(BackboneError, match=r"best\.safetensors does not say which architecture it is of; name the"):
        load_backbone(str(file))
    file_of(file, model_of(), architecture="test_resnext")
    with pytest.raises(BackboneError, match="does not say which architecture"):
        load_backbone(str(file))


def test_a_folder_that_is_none_of_timms(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"has no config\.json and no model\.safetensors; timm's layout is"):
        load_backbone(str(tmp_path))
    folder = folder_of(tmp_path / "w", model_of())
    for content in ("{", "[]", "{}", "7", "\udcff"):
        (folder / "config.json").write_bytes(content.encode(errors="surrogateescape"))
        with pytest.raises(BackboneError, match=r"config\.json is not timm's configuration: it needs 'architecture'"):
            load_backbone(str(folder))
    (folder / "config.json").write_text(json.dumps({"architecture": "test_resnt"}))
    with pytest.raises(UnknownNameError, match=r"did you mean .*'test_resnet'"):
        load_backbone(str(folder))
    (folder / "model.safetensors").unlink()
    with pytest.raises(BackboneError, match=r"w has no model\.safetensors; timm's layout"):
        load_backbone(f"local-dir:{folder}")


@pytest.mark.parametrize(
    ("architecture", "options", "size"),
    [
        ("test_vit", {"img_size": 96}, 160),  # takes any size: the crop stays that of pretraining
        ("vit_tiny_patch16_224", {"img_size": 96, "depth": 1}, 96),
        ("vit_tiny_patch16_224", {"img_size": 96, "depth": 1, "dynamic_img_size": True}, 224),
    ],
)
def test_arguments_that_change_the_architecture_are_kept(
    tmp_path: Path, architecture: str, options: dict[str, object], size: int
) -> None:
    model = model_of(architecture, global_pool="avg", **options)
    folder = folder_of(tmp_path / "w", model)
    assert_same_features(str(folder), model, size=96)
    assert load_backbone(str(folder)).preprocessing.size == (size, size)
    backbone = load_backbone(str(folder), image_size=96).eval()
    rebuilt = rebuild_backbone(json.loads(json.dumps(backbone.describe()))).eval()
    rebuilt.load_state_dict(backbone.state_dict())
    assert torch.equal(rebuilt(pictures((96, 96))), backbone(pictures((96, 96))))
    assert rebuilt.digest() == backbone.digest()
    rebuilt.arguments = {}
    assert rebuilt.digest() != backbone.digest()


def test_a_backbone_for_other_than_colour_pictures_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "w", model_of(in_chans=1))
    with pytest.raises(ConfigurationError, match="choose a backbone for RGB images"):
        load_backbone(str(folder))


# -- names -----------------------------------------------------------------------------------------------


def test_an_unknown_name_or_tag_suggests_the_near_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"no backbone 'resnet81' in timm; did you mean .*'resnet18'"):
        load_backbone("resnet81")
    with pytest.raises(UnknownNameError, match=r"no backbone 'test_resnt' in timm; did you mean .*'test_resnet'"):
        load_backbone("random:test_resnt")
    with pytest.raises(
        UnknownNameError, match=r"no pretrained backbone 'resnet18\.a1_in2k' in timm; did you mean .*a1_in1k"
    ):
        load_backbone("resnet18.a1_in2k")


@pytest.mark.parametrize("name", ["weights/resnet", "local-dir:resnet", "./resnet18", "/gone"])
def test_a_path_that_is_not_there(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        BackboneError, match=r"there is no folder or \.safetensors file .*check the path, or name a timm"
    ):
        load_backbone(name)
    with pytest.raises(BackboneError, match=r"there is no file .*gone\.safetensors; check the path"):
        load_backbone("gone.safetensors")


def test_a_model_without_weights_of_its_own() -> None:
    assert not timm.get_pretrained_cfg("resnet200").has_weights
    with pytest.raises(BackboneError, match="timm has no pretrained weights for 'resnet200'; use random:resnet200"):
        load_backbone("resnet200")
