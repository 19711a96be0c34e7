"""Public samples: the list that ships, and fetching one from a folder that already has its files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from skimage import io

from napari_scsam.config import UserError
from napari_scsam.io.download import RemoteFile
from napari_scsam.samples.public import Sample, fetch_sample, list_samples
from napari_scsam.steps import Progress


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sample]:
    """A sample of two slices, one of them saved as RGB, on a server of this machine."""
    folder = tmp_path / "www"
    folder.mkdir()
    plane = np.arange(12, dtype=np.uint8).reshape(3, 4)
    io.imsave(folder / "0.png", plane, check_contrast=False)
    io.imsave(folder / "1.png", np.stack([plane + 1] * 3, -1), check_contrast=False)

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    Thread(target=http.serve_forever, daemon=True).start()
    monkeypatch.setenv("NAPARI_SCSAM_CACHE", str(tmp_path / "cache"))
    blobs = [(p.name, p.read_bytes()) for p in sorted(folder.iterdir())]
    files = [
        RemoteFile(
            f"http://127.0.0.1:{http.server_port}/{n}", len(b), hashlib.sha256(b).hexdigest()
        )
        for n, b in blobs
    ]
    yield Sample("two", "Two slices", "none needed", (20.0, 5.0, 5.0), tuple(files))
    http.shutdown()
    http.server_close()


def fetch(sample: Sample | str) -> tuple[list[Progress], tuple]:
    steps, seen = fetch_sample(sample), []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as stop:
            return seen, stop.value


def test_slices_are_stacked_with_size_and_licence(served: Sample) -> None:
    seen, (image, voxel_size, about) = fetch(served)
    assert image.shape == (2, 3, 4)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image[1], image[0] + 1)
    assert voxel_size == (20.0, 5.0, 5.0)
    assert about == "Two slices. Licence: none needed."
    assert seen[-1].done == seen[-1].total == sum(f.size for f in served.files)
    assert [s.done for s in seen] == sorted(s.done for s in seen)


def test_a_second_time_comes_from_the_cache(served: Sample) -> None:
    _, (first, _, _) = fetch(served)
    offline = Sample(
        served.name,
        "",
        "",
        None,
        tuple(RemoteFile("http://127.0.0.1:9/" + f.name, f.size, f.hash) for f in served.files),
    )
    _, (second, _, _) = fetch(offline)
    np.testing.assert_array_equal(first, second)


def test_a_single_slice_is_a_plane(served: Sample) -> None:
    _, (image, _, _) = fetch(Sample("one", "", "", None, served.files[:1]))
    assert image.shape == (3, 4)


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(
        UserError, match="no sample is called 'liver'; choose from: hippocampus, fly_medulla, leaf"
    ):
        fetch("liver")


def test_shipped_list_is_whole() -> None:
    for sample in list_samples():
        assert sample.about, sample.name
        assert sample.licence, sample.name
        assert len({f.name for f in sample.files}) == len(sample.files)
        for file in sample.files:
            assert file.url.startswith("https://")
            assert file.size > 0
            assert len(bytes.fromhex(file.hash.removeprefix("sha256:"))) == 32
