"""The page of a new experiment: a form and its YAML, side by side and always in step.

One document is the truth, plain JSON data: ``document`` reads and writes its fields, ``draft``
keeps it and the text of it. ``form`` ties widgets to places in it and shows problems at them;
each section of the form is a file of ``sections``, and knows no other. ``checking`` asks admission,
``trying`` runs one trial, ``keeping`` guards what was typed, ``page`` puts them together.
"""

from katib.web.pages.create.page import register

__all__ = ["register"]
