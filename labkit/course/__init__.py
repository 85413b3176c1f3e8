"""The course: lessons, their judges, the learner's workspace and progress."""
