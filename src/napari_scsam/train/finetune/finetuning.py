"""Fine-tune a model on what somebody has corrected, and keep what it knew.

Only what is labelled is taught. Everything else is held to the parent's own
answer, and the result is averaged with the parent by the share that held-out
regions like best (Wortsman et al. 2022, "Robust fine-tuning of zero-shot
models", arXiv 2109.01903).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from napari_scsam.infer.device import choose_device, precision
from napari_scsam.model import Embedding, ScSAM
from napari_scsam.train.drawing import generator_of
from napari_scsam.train.finetune.data import CorrectedVolume, FinetuneData, run_settings
from napari_scsam.train.finetune.known_labels import group_rows
from napari_scsam.train.finetune.loss import full_hold_loss, inner_hold_loss, label_loss, log_shares
from napari_scsam.train.finetune.report import FinetuneReport, decide
from napari_scsam.train.finetune.review_crops import Crops
from napari_scsam.train.finetune.settings import FinetuneSettings, is_due
from napari_scsam.train.finetune.state import Saved, StateFile
from napari_scsam.train.finetune.steps import FinetuneResult, FinetuneStep, Steps
from napari_scsam.train.finetune.tuned_weights import (
    joined,
    learned,
    padded,
    parameter_groups,
    set_mean,
)
from napari_scsam.train.finetune.validation import Validation, fit_shifts, validate
from napari_scsam.train.prompts import prompt_loss
from napari_scsam.train.schedule import learning_rate

SHARES = (0.0, 0.25, 0.5, 0.75)
"""Shares of the parent in the weights to choose from."""

LEAST_AGREEMENT = 0.92
"""Mean agreement with the parent to keep, where any share of the parent keeps it."""

TIMED = 3
"""Steps by which the time of all is estimated; the first is slower and does not count."""

SAVE_EVERY = 30.0
"""Seconds between two writings of the state."""

LEARNING = 1_000
"""Added to a step for its chance, which thus differs from that of the crops."""

Dice = Mapping[str, float]
"""By the name of the class."""


def finetune(
    source: CorrectedVolume,
    parent: ScSAM,
    *,
    minutes: float = 3.0,
    device: str = "auto",
    state: Path | None = None,
    stop: Callable[[], bool] = bool,
    settings: FinetuneSettings | None = None,
) -> Steps:
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

    Returns
    -------
    result
        The better model of the two.

    Raises
    ------
    UserError
        When shapes differ, nothing is reviewed, or the model has learned no classes.
    """
    run = Finetuning(
        source, parent, minutes, choose_device(device), state, settings or FinetuneSettings()
    )
    return (yield from run.steps(stop))


class Finetuning:
    """One run: its data, its model, its optimiser, and the best weights so far.

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
    ) -> None:
        parent.config.need_classes()
        self.began = time.monotonic()
        self.budget = minutes * 60
        self.device = device
        self.settings = settings
        self.parent = parent.eval().to(device).to(memory_format=torch.channels_last)
        self.data = FinetuneData(source, self.parent, settings)
        self.model = self.data.model
        self.groups = group_rows(self.data.known, len(self.model.classes))
        learning = parameter_groups(self.model, settings.rate, settings.decoder_rate)
        self.optimiser = torch.optim.AdamW(learning, weight_decay=0.0)
        self.state = StateFile(state, run_settings(source, self.parent, settings))
        self.reserve = 0.0
        """Seconds that are needed after the last step."""
        self.first = Validation({}, {})
        """Of the parent."""
        self.best = self.first
        self.best_weights: dict[str, Tensor] = {}

    @property
    def seconds(self) -> float:
        """Time since the run began, that of stopped runs included."""
        return time.monotonic() - self.began

    def steps(self, stop: Callable[[], bool]) -> Steps:
        """Do all of the work."""
        yield from self.embed()
        started = self.seconds
        before = yield from self.compare(self.parent)
        self.reserve += self.seconds - started
        start = learned(self.model)
        self.first = self.timed_validation()
        self.best = self.first
        done = yield from self.learn(stop)
        if stop():
            return self.early(done)
        share = self.choose(start)
        after = yield from self.compare(self.model)
        return self.result(before, after, done, share)

    def embed(self) -> Generator[FinetuneStep, None, None]:
        """Embed all crops."""
        for count in self.data.embed():
            yield self.step("embedding", count, max(count, self.data.total))

    def compare(self, model: ScSAM) -> Generator[FinetuneStep, None, dict[str, float]]:
        """Segment the held-out regions; return the Dice of each labelled class."""
        total = len(self.data.comparison.regions)
        dice: dict[str, float] = {}
        for count, scores in enumerate(self.data.comparison.score(model, self.device), start=1):
            dice = scores
            yield self.step("comparing", count, total)
        return dice

    def timed_validation(self) -> Validation:
        """Validate once, and reserve the time for all validations to come."""
        started = self.seconds
        found = self.validated()
        self.reserve += (self.seconds - started) * (len(SHARES) + 2)
        return found

    def validated(self) -> Validation:
        """Validate the model as it is."""
        return validate(
            self.model, self.parent, self.data.held_out, self.data.replayed, self.data.known
        )

    def learn(self, stop: Callable[[], bool]) -> Generator[FinetuneStep, None, int]:
        """Take as many steps as the time allows; return how many were done."""
        saved = self.state.read(self.model, self.optimiser)
        done, total = 0, self.settings.most_steps
        if saved is not None:
            done, total = saved.step, saved.steps
            self.began -= saved.seconds
        written = started = self.seconds
        while done < total and not stop():
            losses = self.train_step(done, total)
            done += 1
            if done == 1:
                started = self.seconds
            if done == TIMED and saved is None:
                total = self.planned(done, (self.seconds - started) / (TIMED - 1))
            due = is_due(done, total, self.settings.validations)
            found = self.keep_best() if due else None
            if self.seconds - written > SAVE_EVERY:
                self.state.write(self.model, self.optimiser, Saved(done, total, self.seconds))
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
        mine = self.data.learned.draw(how.batch, generator)
        replayed = None
        if step % how.replay_every == 0:
            replayed = self.data.replayed.draw(how.replay_batch, generator)
        clicking = generator if step % how.click_every == 0 else None
        losses = self.losses(mine, replayed, clicking)
        weights = {"label": 1.0, "hold": how.hold, "replay": how.replay, "click": how.clicks}
        loss = torch.stack([weights[name] * value for name, value in losses.items()]).sum()
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        learning = [weight for group in self.optimiser.param_groups for weight in group["params"]]
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        self.optimiser.step()
        return {"loss": loss.item(), **{name: value.item() for name, value in losses.items()}}

    def losses(
        self, mine: Crops, replayed: Crops | None, clicking: torch.Generator | None
    ) -> dict[str, Tensor]:
        """Compute the losses of a step, in one pass through the network.

        Parameters
        ----------
        mine, replayed
            Crops of the volume, and of synthetic cells if they are looked at.
        clicking
            Draws clicks and boxes; None: there are none.
        """
        count = len(mine.targets)
        features = mine.features if replayed is None else joined(mine.features, replayed.features)
        with precision(self.device):
            embedding = self.model.fuse(features)
            shares = log_shares(self.model.class_logits(embedding).float())
        classes = len(self.model.classes)
        theirs = log_shares(padded(mine.parent, classes))
        losses = {
            "label": label_loss(shares[:count], mine.targets, self.groups),
            "hold": inner_hold_loss(shares[:count], theirs, mine.targets, self.groups),
        }
        if replayed is not None:
            losses["replay"] = full_hold_loss(
                shares[count:], log_shares(padded(replayed.parent, classes))
            )
        if clicking is not None:
            own = Embedding(embedding.fused[:count], embedding.detail[:count])
            with precision(self.device):
                losses["click"] = prompt_loss(self.model, own, mine.objects, mine.objects, clicking)
        return losses

    def keep_best(self) -> Validation:
        """Validate the model, and remember its weights if they are the best so far."""
        found = self.validated()
        if found.score > self.best.score and found.held >= LEAST_AGREEMENT:
            self.best = found
            self.best_weights = learned(self.model)
        return found

    def choose(self, start: Mapping[str, Tensor]) -> float:
        """Average the model with its parent by the share that held-out crops like best.

        Among shares that keep the agreement with the parent the best Dice wins,
        among others the best agreement. The chosen share is returned.
        """
        end = learned(self.model)
        found: dict[float, tuple[bool, float]] = {}
        for share in SHARES:
            set_mean(self.model, end, start, share)
            scored = self.validated()
            keeps = scored.held >= LEAST_AGREEMENT
            found[share] = (keeps, scored.score if keeps else scored.held)
        best = max(SHARES, key=lambda share: found[share])
        set_mean(self.model, end, start, best)
        fit_shifts(self.model, self.data.held_out, self.data.known)
        return best

    def result(self, before: Dice, after: Dice, done: int, share: float) -> FinetuneResult:
        """Compare before and after, and decide which model is offered."""
        report = self.report(before, after, self.validated().agreement, done, share)
        self.state.remove()
        return FinetuneResult(self.model if report.offered else self.parent, report)

    def early(self, done: int) -> FinetuneResult:
        """End with the best weights so far, as the last validations judged them."""
        self.model.load_state_dict(self.best_weights, strict=False)
        before = {name: self.first.dice[name] for name in self.best.dice}
        report = self.report(before, self.best.dice, self.best.agreement, done, 0.0)
        return FinetuneResult(self.model if report.offered else self.parent, report)

    def report(
        self, before: Dice, after: Dice, agreement: Dice, done: int, share: float
    ) -> FinetuneReport:
        """Sum up the run."""
        offered, reason = decide(before, after, agreement)
        regions = self.data.comparison.regions
        held = tuple(sorted({self.data.places[region.place] for region in regions}))
        seconds = round(self.seconds, 1)
        return FinetuneReport(before, after, agreement, offered, reason, done, seconds, share, held)

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
