"""Two commands never write one output at once: the second is refused before it reads anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_scsam import cli
from napari_scsam.cli.shared.one_writer import outputs_of
from napari_scsam.paths import comparable_path
from napari_scsam.volume.writing.only_writer import lock_of, only_writer

COMMANDS = {
    "new.safetensors": [
        "teach --image em.tif --strokes s.tif --name er -o",
        "finetune --image em.tif --labels lab.tif --classes c.json -o",
        "train recipe.toml -o",
        "pretrain em.tif -o",
        "checkpoints import net.onnx --channels a,b -o",
    ],
    "new.onnx": ["checkpoints export --onnx"],
    "new.zip": ["checkpoints export --bioimageio"],
    "new.zarr": ["import lab.tif -o"],
    "set": ["pseudo-label em.tif -o", "measure lab.tif -o t.csv --meshes"],
    "new.csv": ["measure lab.tif -o", "measure lab.tif -o t.csv --contacts"],
    "new.json": [
        "evaluate --image em.tif --labels lab.tif --json",
        "suggest --image em.tif --json",
        "finetune --image em.tif --labels lab.tif --classes c.json -o n.safetensors --json",
    ],
}


@pytest.mark.parametrize(
    ("name", "words"), [(name, words) for name, several in COMMANDS.items() for words in several]
)
def test_a_second_writer_is_refused_in_a_sentence(
    name: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with only_writer(Path(name), lock_of(Path(name))):
        assert cli.main([*words.split(), name]) == 2
        assert [path.name for path in tmp_path.iterdir()] == [f".{name}.lock"]
    told = capsys.readouterr()
    assert told.err == f"scsam: another process is writing {name}; wait until it has ended\n"
    assert not list(tmp_path.iterdir())


def test_two_names_of_one_place_are_locked_once(tmp_path: Path) -> None:
    parser = cli.build_parser()
    words = ["measure", "lab.tif", "-o", str(tmp_path / "T.csv")]
    both = parser.parse_args([*words, "--contacts", str(tmp_path / "t.csv")])
    assert len(outputs_of(both)) == 1
    assert comparable_path(tmp_path / "T.csv") == comparable_path(tmp_path / "x" / ".." / "t.csv")


def test_what_is_refused_or_locked_elsewhere_is_not_locked(tmp_path: Path) -> None:
    parser = cli.build_parser()
    (tmp_path / "em.zarr").mkdir()
    (tmp_path / "em.zarr" / "zarr.json").write_text("{}", encoding="utf-8")
    inside = str(tmp_path / "em.zarr" / "new.safetensors")
    train = ["train", "recipe.toml", "-o", inside]
    segment = ["segment", "em.tif", "-o", str(tmp_path / "out.zarr")]
    measure = ["measure", "lab.tif", "-o", str(tmp_path / "lost" / "t.csv")]
    for words in (train, segment, measure):
        assert outputs_of(parser.parse_args(words)) == []
