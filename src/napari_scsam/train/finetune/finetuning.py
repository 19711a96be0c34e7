"""Fine-tune a model on what somebody has corrected, and keep what it knew.

Only what is labelled is taught, to a copy of the network's last parts. The
copy answers these classes; the network itself stays as it is. On synthetic
cells the copy is held to the parent's own answer. Its weights are averaged with
those before (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models",
arXiv 2109.01903). Held-out regions choose as little as possible: what is chosen by
few regions seldom holds on others.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from napari_scsam.errors import UserError
from napari_scsam.infer.device import choose_device, precision
from napari_scsam.model import ScSAM
from napari_scsam.train.drawing import generator_of
from napari_scsam.train.finetune.data import CorrectedVolume, FinetuneData, run_settings
from napari_scsam.train.finetune.loss import log_shares, step_losses
from napari_scsam.train.finetune.merged import relative_logits, replaced_logits
from napari_scsam.train.finetune.report import FinetuneReport, add_hint, decide
from napari_scsam.train.finetune.review_crops import ReviewCrops, join_crops
from napari_scsam.train.finetune.settings import FinetuneSettings, is_due
from napari_scsam.train.finetune.shares import choose_share, gain_error, preference
from napari_scsam.train.finetune.state import Saved, StateFile
from napari_scsam.train.finetune.steps import FinetuneResult, FinetuneStep, FinetuneSteps
from napari_scsam.train.finetune.tuned_weights import (
    learned,
    learned_answer,
    new_optimiser,
    set_mean,
)
from napari_scsam.train.finetune.validation import Judge, Validation, shifted, with_levels
from napari_scsam.train.schedule import learning_rate

SHARES = (0.25, 0.5, 0.75)
"""Shares of what was before to choose from; the first, unless another is clearly better."""

ENDING = 2.0
"""Time for what follows the last step, as a multiple of that of the first validation."""

EMBEDDING_SHARE = 0.35
"""Share of the time after which no more crops are embedded."""

TIMED = 3
"""Steps after which the time of all is estimated; the first is slower and does not count."""

SAVE_EVERY = 30.0
"""Seconds between two writings of the state."""

LEARNING = 1_000
"""Added to a step for its chance, which thus differs from that of the crops."""


def finetune(
    source: CorrectedVolume,
    parent: ScSAM,
    *,
    minutes: float = 3.0,
    device: str = "auto",
    state: Path | None = None,
    stop: Callable[[], bool] = bool,
    settings: FinetuneSettings | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> FinetuneSteps:
    """Fine-tune a model on reviewed slices.

    A generator that yields after each step of work. Closing it drops the
    result, but not the state on disk; `stop` ends it early with the best so far.

    Parameters
    ----------
    source
        Image, labels, and which classes the labels name.
    parent
        From `load_checkpoint`; it is not changed.
    minutes
        Time for everything, on this machine as it is.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    state
        Where the state is written now and then. A run that finds its own state there resumes it.
    stop
        Asked after each step; learning ends when it is true.
    settings
        The defaults when not given.
    clock
        Seconds by which the time is kept; a benchmark on a busy machine counts its own work alone.

    Returns
    -------
    result
        The better model of the two.

    Raises
    ------
    UserError
        When shapes differ, nothing is reviewed, the model has learned no classes, or no time is
        left.
    """
    if not 0 < minutes < math.inf:
        raise UserError(f"{minutes:g} minutes is too short for training; give a number above 0")
    run = Finetuning(
        source,
        parent,
        minutes,
        choose_device(device),
        state,
        settings or FinetuneSettings(),
        clock,
    )
    return (yield from run.steps(stop))


class Finetuning:
    """One run: its data, what it learns, its optimiser, and the best weights so far.

    Parameters are those of `finetune`.
    """

    def __init__(
        self,
        source: CorrectedVolume,
        parent: ScSAM,
        minutes: float,
        device: torch.device,
        state: Path | None,
        settings: FinetuneSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        parent.config.need_classes()
        parent.config.need_prompts()
        self.clock = clock
        self.began = clock()
        self.budget = minutes * 60
        self.device = device
        self.settings = settings
        self.parent = parent.eval().to(device).to(memory_format=torch.channels_last)
        self.data = FinetuneData(source, self.parent, settings)
        self.model = self.data.model
        self.prepare()
        self.state = StateFile(state, run_settings(source, self.parent, settings))
        self.reserve = 0.0
        """Seconds that are needed after the last step."""
        self.first = Validation({}, {})
        """Of the parent."""
        self.best = self.first
        self.best_weights: dict[str, Tensor] = {}

    def prepare(self) -> None:
        """Take from the data what learns, and what judges it."""
        data = self.data
        self.path = data.path
        names = [spec.name.casefold() for spec in self.model.classes]
        self.learned_rows = [names.index(name) for name in self.path.names]
        self.optimiser = new_optimiser(self.path, self.settings.rate, self.settings.decay)
        self.judge = Judge(
            self.model,
            self.parent,
            data.held_out,
            data.pieces,
            data.replayed,
            data.known,
            data.crop_pixels,
        )

    @property
    def seconds(self) -> float:
        """Time since the run began, that of stopped runs included."""
        return self.clock() - self.began

    def steps(self, stop: Callable[[], bool]) -> FinetuneSteps:
        """Do all of the work."""
        yield from self.embed()
        start = learned(self.path)
        self.first = self.judge.before()
        self.best_weights = start
        self.best = self.timed_validation()
        done = yield from self.learn(stop)
        if stop():
            return self.result(done, 0.0)
        share = yield from self.choose(start)
        self.state.remove()
        return self.result(done, share)

    def embed(self) -> Generator[FinetuneStep, None, None]:
        """Embed crops, at most for a share of the time."""
        for count in self.data.embed(self.is_late):
            yield self.step("embedding", count, max(count, self.data.total))
        self.prepare()  # the crops may have shown that other rows are learned

    def is_late(self) -> bool:
        """Whether the time for embedding is over."""
        return self.seconds > self.budget * EMBEDDING_SHARE

    def timed_validation(self) -> Validation:
        """Choose levels once, and reserve the time for doing so in the end."""
        started = self.seconds
        found = self.judge.fit_levels(self.path)
        self.reserve += (self.seconds - started) * ENDING
        return found

    def learn(self, stop: Callable[[], bool]) -> Generator[FinetuneStep, None, int]:
        """Take as many steps as the time allows; return how many were done."""
        saved = self.state.read(self.path, self.optimiser)
        done, total = 0, self.settings.most_steps
        if saved is not None:
            done, total = saved.step, saved.steps
            # Embedding the crops once more does not count.
            self.began = self.clock() - saved.seconds
        first = done
        written = started = self.seconds
        while done < total and not stop():
            losses = self.train_step(done, total)
            done += 1
            if done == first + 1:
                started = self.seconds
            elif done >= first + TIMED:
                total = self.planned(done, (self.seconds - started) / (done - first - 1))
            due = is_due(done, total, self.settings.validations)
            found = self.keep_best() if due else None
            if self.seconds - written > SAVE_EVERY:
                self.state.write(self.path, self.optimiser, Saved(done, total, self.seconds))
                written = self.seconds
            yield self.step("learning", done, total, losses, found)
        return done

    def planned(self, done: int, each: float) -> int:
        """Return how many steps there is time for, at so many seconds for each."""
        left = self.budget - self.seconds - self.reserve
        return min(self.settings.most_steps, done + max(0, int(left / each)))

    def train_step(self, step: int, total: int) -> dict[str, float]:
        """Take one step; return the losses by name."""
        how = self.settings
        generator = generator_of(how.seed, LEARNING + step)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(step, total, group["peak"])
        crops = [
            *self.data.learned.draw(how.batch, generator),
            *self.data.rehearsed.draw(how.replay_batch, generator),
        ]
        losses = self.losses(join_crops(crops, self.device), how.batch)
        loss = losses["label"] + how.hold * losses["hold"] + how.replay * losses["replay"]
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.path.parameters(), 1.0)
        self.optimiser.step()
        return {"loss": loss.item(), **{name: value.item() for name, value in losses.items()}}

    def losses(self, crops: ReviewCrops, count: int) -> dict[str, Tensor]:
        """Compute the losses of a step, in one pass through the copy.

        Parameters
        ----------
        crops
            First those of the volume, then those of synthetic cells.
        count
            Crops of the volume.
        """
        table = self.data.table
        with precision(self.device):
            answers = learned_answer(self.model, self.path, crops)
        ours = log_shares(replaced_logits(crops, answers, self.learned_rows, table.rows))
        theirs = log_shares(relative_logits(crops))
        return step_losses(ours, theirs, crops.targets[:count], table.known, table.groups)

    def keep_best(self) -> Validation:
        """Validate the copy, and remember its weights if they are the best so far."""
        found = self.judge.validate(self.path)
        if preference(found) > preference(self.best):
            self.best = found
            self.best_weights = learned(self.path)
        return found

    def choose(self, start: Mapping[str, Tensor]) -> Generator[FinetuneStep, None, float]:
        """Average the copy with its start, then choose levels; return the start's share."""
        end = learned(self.path)
        found: dict[float, Validation] = {}
        for number, share in enumerate(SHARES, start=1):
            set_mean(self.path, end, start, share)
            found[share] = self.judge.validate(self.path)
            yield self.step("comparing", number, len(SHARES))
        # Not among earlier weights: a run that was killed does not know them.
        best = choose_share(found)
        set_mean(self.path, end, start, best)
        self.best = self.judge.fit_levels(self.path)
        self.best_weights = learned(self.path)
        return best

    def best_model(self) -> ScSAM:
        """Return the model with the best copy and thresholds so far."""
        self.path.load_state_dict(self.best_weights, strict=False)
        if self.path not in list(self.model.tuned):
            self.model.tuned.append(self.path)
        levels = self.best.levels
        self.model.thresholds = shifted(self.model.thresholds, self.data.known, levels)
        self.model.classes = with_levels(self.model.classes, self.data.known, levels)
        self.best = replace(self.best, levels=())  # they are in the model now
        return self.model

    def result(self, done: int, share: float) -> FinetuneResult:
        """Compare before and after, and decide which model is offered."""
        report = self.report(done, share)
        return FinetuneResult(self.best_model() if report.offered else self.parent, report)

    def report(self, done: int, share: float) -> FinetuneReport:
        """Sum up the run."""
        before, after = self.first.dice, self.best.dice
        error = gain_error(self.first, self.best)
        offered, reason = decide(before, after, self.best.agreement, error)
        if self.is_late():
            reason = add_hint(offered, reason, done)
        return FinetuneReport(
            before,
            after,
            self.best.agreement,
            offered,
            reason,
            done,
            round(self.seconds, 1),
            share,
            tuple(sorted({self.data.places[region.place] for region in self.data.pieces})),
            error,
            self.data.parts_apart,
        )

    def step(
        self,
        phase: str,
        step: int,
        total: int,
        losses: Mapping[str, float] | None = None,
        found: Validation | None = None,
    ) -> FinetuneStep:
        """Describe what has just been done."""
        left = max(0.0, self.budget - self.seconds)
        return FinetuneStep(phase, step, total, self.seconds, left, losses or {}, found)
