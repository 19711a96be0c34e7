"""The engine for one slice: set an image, then ask for classes, clicks or boxes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike

from napari_scsam.infer.box_prior import predicted_quality, with_box_prior
from napari_scsam.infer.class_predictor import ClassPredictor
from napari_scsam.infer.device import precision
from napari_scsam.infer.memory import retry_smaller_on_oom
from napari_scsam.infer.prompt_answer import PromptAnswer, mask_prompt, prompt_answer
from napari_scsam.infer.prompts import Prompts, prompt_tensors, tile_for
from napari_scsam.infer.tiling import Tile


class Predictor(ClassPredictor):
    """Segments slices with one model on one device.

    Parameters
    ----------
    model
        From `napari_scsam.load_checkpoint`. It is used in place: moved to the
        device, and changed by `teach` and `restore_taught`.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    disk
        Where embeddings are read before they are computed, from
        `default_cache`; None keeps them in memory only.
    fill
        Whether new embeddings are also written there.
    tta
        Whether the logits of classes are averaged over four views of a slice
        (unchanged, turned, smaller, larger): test-time augmentation, as in
        Wang et al. 2019, "Aleatoric uncertainty estimation with test-time
        augmentation". Better on average, at four times the work. May be
        changed between two calls.
    coarse
        Whether an image is never enlarged to the network's pixel size. A first
        look: at 10 nm a quarter of the work, and less exact. It counts for
        slices that are prepared afterwards.

    Notes
    -----
    Not thread safe: one thread owns a predictor, as it owns the device.
    """

    @retry_smaller_on_oom
    @torch.inference_mode()
    def predict_prompts(
        self,
        points: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        boxes: ArrayLike | None = None,
        masks: PromptAnswer | None = None,
    ) -> PromptAnswer:
        """Segment objects by SAM's own prompts.

        Parameters
        ----------
        points
            P×2 for one object or N×P×2 for N, as (x, y) in image pixels.
        labels
            P or N×P: 1 inside, 0 outside; all inside when not given.
        boxes
            4 or N×4, as (x0, y0, x1, y1) in image pixels.
        masks
            An earlier answer about the same objects on this slice, which
            these prompts refine. Without one, boxes together with points
            are answered in two steps, as the network was trained: the boxes,
            and then those points that correct this answer.

        Returns
        -------
        PromptAnswer
            Masks N×Y×X, their logits, and the predicted quality N.

        Raises
        ------
        UserError
            When there is no prompt, shapes do not match, or the network was imported.
        """
        self.model.config.need_prompts()
        slice_ = self.slice
        prompts = prompt_tensors(points, labels, boxes, slice_.zoom)
        if masks is None and prompts.points is not None and prompts.boxes is not None:
            masks = self.predict_prompts(boxes=boxes)
            prompts = prompts.corrections(masks.holds(np.asarray(points, float)))
        tile = self._prompt_tile(prompts, masks)
        clicks, corners = prompts.inside(tile, self.device)
        earlier = None
        if masks is not None:
            earlier = mask_prompt(masks, tile, slice_.shape, prompts.objects).to(self.device)
        with precision(self.device):
            answers, qualities = self.model.prompt_logits(
                self.embed(tile), clicks, corners, earlier
            )
        logits = answers[0].float()
        quality = qualities[0]
        if self.model.config.detail:
            if corners is not None and earlier is None:
                logits = with_box_prior(logits, corners, tile.height / logits.shape[1])
            count = 0 if clicks is None else int((clicks[1] >= 0).sum(1).max())
            quality = predicted_quality(logits, count)
        return prompt_answer(logits, quality, tile, slice_.shape, slice_.zoom)

    def _prompt_tile(self, prompts: Prompts, earlier: PromptAnswer | None) -> Tile:
        """Return the tile of an earlier answer if the prompts fit into it, else the best one."""
        if earlier is not None and prompts.fit(earlier.tile):
            return earlier.tile
        return tile_for(prompts, self.tiles(), self.slice.model_shape)
