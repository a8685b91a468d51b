"""What programs use of a generated client beside :class:`katib.KatibClient`."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from katib.models.documents import from_json, to_json
from katib.models.model import CLASSES, Model


class Configuration:
    """Where an API server is and who asks it; :class:`katib.KatibClient` takes one.

    Args:
        host: its address, as ``https://10.0.0.1:6443``.
        api_key: ``{"authorization": "Bearer ..."}``.
        api_key_prefix: ``{"authorization": "Bearer"}``, when the key itself has none.
        username: with a password, instead of a key.
        password: see there.
        discard_unknown_keys: taken, since programs give it; what is not known is always left out.

    Attributes:
        verify_ssl: whether the server must prove who it is.
        ssl_ca_cert: the file of whom to trust; ``None`` for whom this machine trusts.
        cert_file: a certificate by which the caller shows who it is.
        key_file: the key to that.
        proxy: ``http://host:port`` through which the server is reached.
    """

    def __init__(  # noqa: PLR0913  # as a generated client's
        self,
        host: str = "http://localhost",
        api_key: Mapping[str, str] | None = None,
        api_key_prefix: Mapping[str, str] | None = None,
        username: str | None = None,
        password: str | None = None,
        discard_unknown_keys: bool = False,
    ) -> None:
        self.host = host
        self.api_key, self.api_key_prefix = dict(api_key or {}), dict(api_key_prefix or {})
        self.username, self.password = username, password
        self.discard_unknown_keys = discard_unknown_keys
        self.verify_ssl = True
        self.ssl_ca_cert: str | None = None
        self.cert_file: str | None = None
        self.key_file: str | None = None
        self.proxy: str | None = None

    def auth_settings(self) -> Mapping[str, Mapping[str, str | None]]:
        """The header by which the caller shows who it is."""
        value = None
        if self.api_key.get("authorization"):
            prefix = self.api_key_prefix.get("authorization", "")
            value = f"{prefix} {self.api_key['authorization']}".strip()
        elif self.username is not None:
            pair = f"{self.username}:{self.password or ''}".encode()
            value = f"Basic {b64encode(pair).decode()}"
        return {"authorization": {"key": "Authorization", "value": value}}


class ApiClient:
    """Turns models into plain data and back, as generated clients do. It asks nobody.

    Args:
        configuration: kept for those who look at it.
    """

    def __init__(self, configuration: Configuration | None = None) -> None:
        self.configuration = configuration or Configuration()

    def sanitize_for_serialization(self, obj: object) -> Any:
        """The plain JSON data of models and of what is made of them; see ``to_json``."""
        return to_json(obj)

    def deserialize(self, response: Any, response_type: str | type[Model]) -> Any:
        """The model of an answer.

        Args:
            response: what has the JSON text as its ``data``.
            response_type: a model, its name, or ``list[NAME]``.

        Raises:
            ValueError: something that is required is missing, or no model has that name.
        """
        data = json.loads(response.data)
        if isinstance(response_type, type):
            return from_json(response_type, data)
        listed = re.fullmatch(r"list\[(.+)\]", response_type)
        name = listed[1] if listed else response_type
        if name not in CLASSES:
            raise ValueError(f"no model of katib.models has the name {name!r}")
        model = CLASSES[name]
        return [from_json(model, one) for one in data] if listed else from_json(model, data)
