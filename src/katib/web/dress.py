"""How pages look in light and dark, and the names of what the library leaves without one."""

from __future__ import annotations

#: Shades that are told apart on a dark page, of those that are meant for a light one.
_DARK = {
    "primary": "#90caf9",
    "negative": "#ff8a80",
    "grey-8": "#bdbdbd",
    "green-8": "#81c784",
    "blue-8": "#64b5f6",
    "blue-grey-6": "#b0bec5",
    "indigo-7": "#9fa8da",
    "purple-7": "#ce93d8",
    "amber-10": "#ffb74d",
    "red-8": "#ef9a9a",
}

STYLE = """
body { font-feature-settings: "tnum"; }
.w-full { width: 100%; }
.no-underline { text-decoration: none; }
.katib-grid { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1rem; width: 100%; }
@media (min-width: 768px) {
  .katib-grid { grid-template-columns: repeat(2, minmax(0, 1fr)); }
}
@media (min-width: 1280px) {
  .katib-slices { grid-template-columns: repeat(3, minmax(0, 1fr)); }
}
.katib-trail { min-width: 0; }
.katib-trail > a { min-width: 2rem; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
.katib-main { max-width: 1600px; margin: 0 auto; width: 100%; }
.q-table td, .q-table th { font-size: 0.875rem; }
a.katib-link, a.nicegui-link { color: var(--q-primary); }
a.katib-link { text-decoration: none; }
a.katib-link:hover, a.katib-link:focus-visible { text-decoration: underline; }
.body--dark a.katib-link, .body--dark a.nicegui-link { color: #90caf9; }
.body--dark :is(.q-btn--outline, .q-btn--flat, .text-primary) { --q-primary: #90caf9; }
.body--dark :is(.q-btn--outline, .q-btn--flat, .text-negative) { --q-negative: #ff8a80; }
.q-tabs { max-width: 100%; }
.katib-break { overflow-wrap: anywhere; }
.body--dark .katib-drawing { filter: invert(1) hue-rotate(180deg); }
.katib-mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.katib-skip { position: absolute; left: -10000px; }
.katib-skip:focus { left: 1rem; top: .5rem; z-index: 9999; background: #fff; padding: .5rem; }
.body--dark .cm-gutterElement { color: #9e9e9e; }
"""

STYLE += "".join(f".gap-{size} {{ gap: {size / 4}rem; }}\n" for size in range(5))

# Of what is important, the layer that comes first wins, and the library's shades are important.
STYLE += "@layer overrides {\n"
STYLE += "".join(
    f".body--dark .text-{name} {{ color: {shade} !important; }}\n" for name, shade in _DARK.items()
)
STYLE += "}\n"

#: Runs in every page. The library has no way to name the boxes by which rows are selected, the text
#: of an editor, and the button that copies; and its editors do not follow the page's colours.
SCRIPT = """
<script>
(() => {
  const name = (element, text) => {
    if (text && element.getAttribute("aria-label") !== text)
      element.setAttribute("aria-label", text);
  };
  const nameBoxes = () => {
    for (const box of document.querySelectorAll(".q-table thead .q-checkbox"))
      name(box, "Select all");
    for (const row of document.querySelectorAll(".q-table tbody tr")) {
      const box = row.querySelector(":scope > .q-table--col-auto-width > .q-checkbox");
      const link = box && row.querySelector("a");
      if (box) name(box, "Select " + (link || row).textContent.trim());
    }
  };
  const nameCode = () => {
    for (const button of document.querySelectorAll(".nicegui-code-copy")) name(button, "Copy");
    for (const text of document.querySelectorAll(".nicegui-code > .nicegui-markdown"))
      text.tabIndex = 0;
  };
  const dressEditors = () => {
    const theme = document.body.classList.contains("body--dark") ? "vscodeDark" : "vscodeLight";
    for (const editor of document.querySelectorAll(".nicegui-codemirror")) {
      const content = editor.querySelector(".cm-content");
      if (!content) continue;
      name(content, editor.getAttribute("aria-label"));
      content.tabIndex = 0;
      const component = getElement(editor);
      if (component && component.editor && editor.dataset.theme !== theme) {
        editor.dataset.theme = theme;
        component.setTheme(theme);
      }
    }
  };
  let isDue = false;
  const dress = () => {
    isDue = false;
    nameBoxes();
    nameCode();
    dressEditors();
  };
  const look = () => {
    if (!isDue) requestAnimationFrame(dress);
    isDue = true;
  };
  addEventListener("DOMContentLoaded", () => {
    const seen = {childList: true, subtree: true, attributes: true, attributeFilter: ["class"]};
    new MutationObserver(look).observe(document.body, seen);
  });
})();
</script>
"""
