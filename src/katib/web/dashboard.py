"""Inside Kubeflow's dashboard, whose own list of namespaces says what is looked at."""

from __future__ import annotations

from nicegui import ui

from katib.web.site import Site

#: Of what a page has for itself, and the dashboard has, too.
ALONE = "katib-alone"

#: What the dashboard and the pages that it shows tell each other; it is of the same origin.
_SCRIPT = """
<script>
(() => {
  if (window.parent === window) return;
  document.documentElement.classList.add("katib-inside");
  window.addEventListener("message", ({source, origin, data}) => {
    if (source !== window.parent || origin !== window.location.origin || !data) return;
    let wanted = null;
    if (data.type === "namespace-selected") wanted = data.value;
    if (data.type === "all-namespaces") wanted = "";
    const query = new URLSearchParams(window.location.search);
    const shown = query.get("namespace") || query.get("ns") || "";
    if (typeof wanted !== "string" || wanted === shown) return;
    const asked = wanted && "?" + new URLSearchParams({namespace: wanted});
    window.location.replace(window.location.pathname + asked);
  });
  window.parent.postMessage({type: "iframe-connected"}, window.location.origin);
})();
</script>
"""


def follow_dashboard(site: Site) -> None:
    """Let the page show the namespace that is chosen in the dashboard, if one shows the page."""
    if not site.door.framers:
        return
    ui.add_css(f".katib-inside .{ALONE} {{ display: none; }}")
    ui.add_head_html(_SCRIPT)
