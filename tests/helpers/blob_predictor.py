"""A predictor that sees bright things: what is bright round a click is an object. Everything else of it is real."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from napari_scsam.infer.predictor import Predictor
from napari_scsam.infer.prompt_answer import PromptAnswer
from napari_scsam.model import Embedding
from napari_scsam.steps import Progress


class BlobPredictor(Predictor):
    """Answers from the grey values alone, on the whole slice as one tile."""

    rim = 0
    """Pixels by which its answers are too large all round."""
    asked = 0

    def zoom_for(self, _voxel_size) -> tuple[float, float]:
        return 1.0, 1.0

    def predict_prompts(self, points=None, labels=None, boxes=None, masks=None) -> PromptAnswer:  # noqa: ARG002  # knows of no earlier answer
        self.asked += 1
        slice_ = self.slice
        numbers, _ = ndimage.label(slice_.grey > 0.5)
        inside = np.zeros(slice_.shape, bool)
        for (x, y), label in zip(points or (), labels or (), strict=True):
            here = numbers[int(y), int(x)]
            inside = (
                (inside | (numbers == here) if label else inside & (numbers != here))
                if here
                else inside
            )
        if boxes is not None:
            x0, y0, x1, y1 = (round(v) for v in boxes)
            inside[y0:y1, x0:x1] |= numbers[y0:y1, x0:x1] > 0
        away = (
            ndimage.distance_transform_edt(~inside) if inside.any() else np.full(slice_.shape, 99.0)
        )
        logits = (np.where(inside, 8.0, 4.0 - away if self.rim else -8.0)).astype(np.float32)
        tile = self.tiles()[0]
        part = (slice(0, slice_.shape[0]), slice(0, slice_.shape[1]))
        return PromptAnswer(
            slice_.shape,
            part,
            logits[None],
            np.array([0.9], np.float32),
            tile,
            torch.zeros(1, 1, 1, 1),
        )

    def embed(self, tile, slice_=None) -> Embedding:
        """Two features: grey, and what is missing to white; one cell for each 16 pixels."""
        grey = torch.from_numpy(np.pad((slice_ or self.slice).grey, ((0, 0), (0, 0))))[None, None]
        small = torch.nn.functional.adaptive_avg_pool2d(grey, (tile.height // 16, tile.width // 16))
        return Embedding(torch.cat([small, 1 - small], 1), torch.zeros(1), torch.zeros(1, 0))

    def embed_steps(self, slice_=None):  # noqa: ARG002  # whatever it is
        yield Progress(0, 1, "embedding")

    def segment_steps(self, names=None, threshold_offsets=None):
        """Call what is bright, the brighter the higher the shift, the first class asked for."""
        yield Progress(0, 1, "segmenting")
        spec = next(c for c in self.classes if c.name == names[0])
        return np.where(
            self.slice.grey > 0.5 + (threshold_offsets or {}).get(spec.name, 0.0) / 10,
            spec.id,
            0,
        ).astype(np.uint8)

    def teach(self, name, foreground, background=None, *, replace_earlier=False):  # noqa: ARG002  # learns nothing
        assert foreground.shape == self.slice.shape
        assert foreground.any() or name in self.classes, "a class that is known needs no more of it"
        assert replace_earlier, "all strokes of a slice come at once"
        return self.model.add_class(name, torch.ones(256))
