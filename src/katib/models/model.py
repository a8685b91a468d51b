"""What every model is: named attributes, each with its name in JSON and its type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from inspect import Parameter, Signature, get_annotations
from typing import Any, ClassVar, dataclass_transform

#: The default of an attribute that must be given, though others before it need not.
REQUIRED: Any = None

#: What the constructors of generated clients take beside their attributes; it says nothing here.
_CONFIGURATION = "local_vars_configuration"


@dataclass_transform()
class Model:
    """A part of a resource as an object that programs build and change.

    A subclass lists its attributes with their types. Its constructor takes them in that order or by
    name; what is not given is ``None`` and is not sent. Two models are equal when they are of one
    class and say the same.

    Attributes:
        openapi_types: attribute → its type, in the words of OpenAPI's generators.
        attribute_map: attribute → its name in JSON.
        added: attributes that Katib's own classes lack; they are given by name only.

    Raises:
        TypeError: an attribute is not known, or is given twice.
        ValueError: one that is required is ``None``, now or when it is set.
    """

    openapi_types: ClassVar[dict[str, str]] = {}
    attribute_map: ClassVar[dict[str, str]] = {}
    added: ClassVar[tuple[str, ...]] = ()
    discriminator: ClassVar[None] = None
    __signature__: ClassVar[Signature]
    _defaults: ClassVar[dict[str, object]] = {}
    _required: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls) -> None:
        own = {
            name: kind
            for name, kind in get_annotations(cls).items()
            if not kind.startswith("ClassVar")
        }
        if not own:
            return
        cls.openapi_types = {name: _openapi_type(kind) for name, kind in own.items()}
        cls.attribute_map = {name: json_name(name) for name in own}
        cls._defaults = {name: vars(cls).get(name) for name in own}
        cls._required = frozenset(name for name, kind in own.items() if not _is_optional(kind))
        cls.__signature__ = Signature(_parameters(cls._defaults, cls.added))
        CLASSES.setdefault(cls.__name__, cls)

    def __init__(self, *values: object, **named: object) -> None:
        try:
            given = self.__signature__.bind(*values, **named).arguments
        except TypeError as error:
            known = ", ".join(self._defaults)
            raise TypeError(f"{type(self).__name__}.__init__() {error}; it has {known}") from error
        for name, default in self._defaults.items():
            setattr(self, name, given.get(name, default))

    def __setattr__(self, name: str, value: object) -> None:
        if value is None and name in self._required:
            raise ValueError(f"Invalid value for `{name}`, must not be `None`")
        super().__setattr__(name, value)

    def to_dict(self) -> dict[str, Any]:
        """The attributes by their names here, models inside as dictionaries too."""
        return {name: _plain(getattr(self, name)) for name in self.openapi_types}

    def to_str(self) -> str:
        """The attributes as a text for people."""
        # What prints is loaded by those who print.
        from pprint import pformat

        return pformat(self.to_dict())

    def __repr__(self) -> str:
        return self.to_str()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.to_dict() == other.to_dict()

    # As it may change.
    __hash__ = None  # type: ignore[assignment]  # that is how Python is told


#: Every class by its name.
CLASSES: dict[str, type[Model]] = {}


def json_name(attribute: str) -> str:
    """The name in JSON: ``trial_spec`` is ``trialSpec``; ``_continue``, a word of Python's, loses
    its mark."""
    first, *others = attribute.lstrip("_").split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in others)


def _openapi_type(annotation: str) -> str:
    kind = annotation.removesuffix(" | None").removeprefix("builtins.")
    kind = re.sub(r"^dict\[(.+), (.+)\]$", r"dict(\1, \2)", kind)
    return "object" if kind == "Any" else kind


def _is_optional(annotation: str) -> bool:
    return annotation == "Any" or annotation.endswith(" | None")


def _parameters(defaults: Mapping[str, object], added: tuple[str, ...]) -> list[Parameter]:
    named = {**defaults, _CONFIGURATION: None}
    ordered = [*(name for name in named if name not in added), *added]
    return [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY if name in added else Parameter.POSITIONAL_OR_KEYWORD,
            default=named[name],
        )
        for name in ordered
    ]


def _plain(value: Any) -> Any:
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value
