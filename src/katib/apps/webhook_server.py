"""How the webhooks are served: over TLS, with a certificate that is renewed while it goes on."""

from __future__ import annotations

import logging
import socket
import tempfile
import threading
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from katib.api_server.serving import TlsFiles, configure
from katib.apps.certificates import Pem
from katib.apps.server_record import write_private
from katib.apps.webhook_certificates import CertificateSource
from katib.errors import ConfigurationError

#: How often it is looked whether the certificate is still good, and whether the API server still
#: knows its authority, which is lost when the configurations are made anew, in seconds; and how
#: soon again, when that could not be seen.
LOOK_EVERY, LOOK_AGAIN = 60.0, 5.0

_BACKLOG = 512

_LOG = logging.getLogger(__name__)


class WebhookServer:
    """Serves an application from the moment when there is a certificate, until it is closed.

    Args:
        app: what is served.
        source: gives the certificate.
        host: the address to listen at; empty for all of this machine.
        port: 0 for a free one.

    Attributes:
        port: where it listens.

    Raises:
        ConfigurationError: the port cannot be had.
    """

    def __init__(
        self, app: ASGIApp, source: CertificateSource, host: str = "", port: int = 8443
    ) -> None:
        self._app, self._source, self._host = app, source, host
        try:
            self._socket = socket.create_server((host, port), backlog=_BACKLOG)
        except (OSError, OverflowError) as error:
            raise ConfigurationError(
                f"the webhooks cannot listen at port {port}: {error}; name another as "
                "init.controller.webhookPort in Katib's configuration"
            ) from error
        self.port = int(self._socket.getsockname()[1])
        self._folder = tempfile.TemporaryDirectory(prefix="katib-webhooks-")
        self._shown: Pem | None = None
        self._config: uvicorn.Config | None = None
        self._server: uvicorn.Server | None = None
        self._is_closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="webhook-certificate", daemon=True)
        self._listener: threading.Thread | None = None

    @property
    def is_ready(self) -> bool:
        """Whether it answers."""
        return self._server is not None and self._server.started

    def start(self) -> None:
        """Serve as soon as there is a certificate; that is waited for in the background."""
        self._keeper.start()

    def close(self) -> None:
        """Answer what is being asked, and stop."""
        self._is_closing.set()
        if self._keeper.ident is not None:
            self._keeper.join()
        if self._server is not None:
            self._server.should_exit = True
        if self._listener is not None:
            self._listener.join()
        self._socket.close()
        self._folder.cleanup()

    def _keep(self) -> None:
        told = ""
        while not self._is_closing.is_set():
            pause, problem = LOOK_EVERY, ""
            try:
                self._show(self._source.ensure())
            except Exception as error:
                # A KatibError, or TLS's OSError for files that are no certificate and key. Another
                # must not end this thread, which would be missed when the certificate ends.
                pause, problem = LOOK_AGAIN, str(error) or type(error).__name__
                if problem != told:
                    _LOG.warning("the webhooks' certificate: %s", problem)
            told = problem
            self._is_closing.wait(pause)

    def _show(self, pem: Pem) -> None:
        """Show the certificate to everybody who calls from now on."""
        if pem == self._shown:
            return
        folder = Path(self._folder.name)
        files = TlsFiles(folder / "tls.crt", folder / "tls.key")
        write_private(files.certificate, pem.certificate)
        write_private(files.key, pem.key)
        if self._config is None:
            config = configure(self._app, self._host, self.port, files)
            config.load()
            self._config, self._server = config, uvicorn.Server(config)
            self._listener = threading.Thread(
                target=self._server.run, kwargs={"sockets": [self._socket]}, name="webhooks"
            )
            self._listener.start()
        elif self._config.ssl is not None:
            self._config.ssl.load_cert_chain(files.certificate, files.key)
        self._shown = pem
