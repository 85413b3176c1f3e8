"""The lessons that have exercises: one module a notebook."""

from __future__ import annotations

from labkit.course.exercise import Lesson
from labkit.course.lessons import (
    bring_back,
    inspect_containers,
    keep_a_swarm,
    list_containers,
    management_guard,
    mend_all,
    permit_and_audit,
    polite_client,
    run_and_stop,
    run_inside,
    share_volumes,
    ship_images,
    start_here,
    write_plugins,
)
from labkit.errors import CourseError

LESSONS: dict[str, Lesson] = {
    module.lesson.notebook: module.lesson
    for module in (
        start_here,
        list_containers,
        run_and_stop,
        inspect_containers,
        management_guard,
        polite_client,
        permit_and_audit,
        keep_a_swarm,
        bring_back,
        run_inside,
        ship_images,
        write_plugins,
        share_volumes,
        mend_all,
    )
}


def lesson(notebook: str) -> Lesson:
    """The lesson of a notebook.

    :raises CourseError: there is none of that name; names those that are.
    """
    try:
        return LESSONS[notebook]
    except KeyError:
        raise CourseError(
            f"The course has no notebook {notebook!r}.", hint=f"It has {', '.join(LESSONS)}."
        ) from None
