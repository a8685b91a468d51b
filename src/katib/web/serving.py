"""The UI as an ASGI application."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from nicegui import ui
from starlette.types import ASGIApp

from katib.web import pages
from katib.web.guarding import Guard
from katib.web.library_files import LibraryFiles
from katib.web.site import Site
from katib.web.sockets import OwnedRequests, own_sockets


def make_app(site: Site) -> ASGIApp:
    """The UI as an ASGI application; NiceGUI knows one for each process.

    Args:
        site: what its pages share.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    pages.register(site)
    ui.run_with(
        app,
        title="Katib",
        mount_path=site.door.prefix or "/",
        reconnect_timeout=30.0,
        show_welcome_message=False,
        language="en-US",
        # Its classes are few here, and it works in the browser at every change of a page.
        tailwind=False,
        # The hardest takes three times as long for a tenth less.
        gzip_middleware_factory=partial(GZipMiddleware, compresslevel=3),
    )
    own_sockets()
    return Guard(OwnedRequests(LibraryFiles(app)), site.door)
