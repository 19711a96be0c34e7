"""What a project has to train on."""

from __future__ import annotations

from napari_scsam.project.reviewed_classes import ReviewedPart
from napari_scsam.project.training_plan import choose_classes, plan_training


def part(classes: tuple[int, ...], **slices: int) -> ReviewedPart:
    return ReviewedPart(classes, (1,), {int(z[1:]): count for z, count in slices.items()})


def test_classes_are_chosen_by_what_can_be_used() -> None:
    many_of_one = [part((1,), z0=100, z1=100, z2=100, z3=100), part((1, 2, 5), z4=100)]
    assert choose_classes(many_of_one) == (1,)
    assert choose_classes([part((1,), z0=10), part((1, 2), z1=100, z2=100)]) == (1, 2)
    assert choose_classes([part((1, 2), z0=100), part((2, 5), z1=100)]) == (2,)
    assert choose_classes([]) == ()


def test_a_plan_counts_whole_slices_and_parts() -> None:
    parts = [part((1, 2), z0=60, z1=100), part((1,), z0=40, z2=30), part((2,), z3=100)]
    plan = plan_training(parts, (1,), 100)
    assert (plan.classes, plan.whole, plan.parts, plan.slices) == ((1,), 2, 1, 3)
    assert plan_training(parts, (1, 5), 100).slices == 0
