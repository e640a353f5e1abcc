"""Figures under DistributedDataParallel are those of one process, rows that no batch divides included."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fairlead.data import FeatureCache
from fairlead.modules import ImageClassifier
from fairlead.tuning import LinearProbe, TemperatureScaling
from tests.fakes.training import quiet_trainer, tiny_backbone, tiny_data

SCRIPT = """
import sys
from tests.modules.test_two_processes import measured
if __name__ == "__main__":
    measured(sys.argv[1], devices=2, strategy="ddp_fork")
"""


def rows():
    return tiny_data(train=60, val=23, calibration=41, test=11, batch_size=4)


class Kept(TemperatureScaling):
    """Writes what each process found, from within it: a forked process takes its figures with it."""

    def __init__(self, folder):
        self.folder = folder

    def on_validation_end(self, trainer, pl_module):
        self.keep(f"validate-{trainer.global_rank}.json", trainer.callback_metrics)

    def on_test_end(self, trainer, pl_module):
        figures = {**trainer.callback_metrics, "temperature": pl_module.temperature}
        self.keep(f"test-{trainer.global_rank}.json", figures)

    def keep(self, name, figures):
        (self.folder / name).write_text(json.dumps({key: value.item() for key, value in figures.items()}))


def measured(folder, **settings):
    """Validates and tests one checkpoint with so many processes."""
    data, folder = rows(), Path(folder)
    module = ImageClassifier.load_from_checkpoint(folder / "probe.ckpt", weights_only=True)
    for verb in ("validate", "test"):
        getattr(quiet_trainer(callbacks=[Kept(folder)], **settings), verb)(module, data, verbose=False)
    return {verb: json.loads((folder / f"{verb}-0.json").read_text()) for verb in ("validate", "test")}


@pytest.mark.slow
def test_two_processes_count_as_one_does(tmp_path):
    data = rows()
    module = ImageClassifier(data.labels, backbone=tiny_backbone())
    probed = quiet_trainer(max_epochs=0, callbacks=[LinearProbe(FeatureCache(tmp_path))])
    probed.fit(module, data)
    probed.save_checkpoint(tmp_path / "probe.ckpt", weights_only=True)
    one = measured(tmp_path)
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(one["validate"]) == {"val_loss", "val_accuracy"}
    assert set(one["test"]) == {"test_loss", "test_accuracy", "temperature"}
    assert one["test"]["temperature"] not in (0.05, 1.0, 20.0)
    for verb, expected in one.items():
        for rank in (0, 1):
            found = json.loads((tmp_path / f"{verb}-{rank}.json").read_text())
            assert found == pytest.approx(expected, abs=1e-6)
