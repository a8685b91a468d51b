"""How the page looks."""

from __future__ import annotations

STYLE = """
.katib-create { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1rem; }
.katib-form, .katib-yaml { min-width: 0; width: 100%; }
@media (min-width: 1100px) {
  .katib-create { grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); }
  .katib-yaml { position: sticky; top: 4rem; align-self: start; }
}
.katib-field { flex: 1 1 11rem; min-width: min(11rem, 100%); max-width: 100%; }
.katib-wide { flex: 1 1 100%; width: 100%; }
.katib-whole { height: calc(100vh - 17rem); min-height: 20rem; }
.katib-editor { border: 1px solid rgba(128, 128, 128, .5); border-radius: 4px; }
.katib-section { border: 1px solid rgba(128, 128, 128, .35); border-radius: 4px; }
.katib-section > .q-expansion-item__container > .q-expansion-item__content {
  padding: .5rem .75rem .75rem; }
.katib-heading { font-weight: 500; }
.katib-wrong { color: var(--q-negative); }
.body--dark .katib-create, .body--dark .katib-trying {
  --q-negative: #ff8a80; --q-primary: #90caf9; }
.body--dark .katib-foot .text-negative { color: #ff8a80 !important; }
.body--dark .katib-foot a, .body--dark .katib-foot .q-btn--outline { color: #90caf9 !important; }
.katib-row { border-left: 3px solid rgba(128, 128, 128, .35); padding-left: .5rem; gap: .5rem; }
.katib-row .katib-field { flex-basis: 8rem; min-width: min(8rem, 100%); }
.katib-name { min-width: 9rem; align-self: center; overflow-wrap: anywhere; }
.katib-trouble { white-space: pre-wrap; overflow-wrap: anywhere; }
.katib-break { overflow-wrap: anywhere; white-space: normal; }
.katib-foot { position: sticky; bottom: 0; z-index: 5; padding: .5rem 0; background: #fff;
  border-top: 1px solid rgba(128, 128, 128, .35); max-height: 40vh; overflow: auto; }
.body--dark .katib-foot { background: #121212; }
.katib-trying { width: min(60rem, 95vw); max-width: 95vw !important; }
.katib-create .q-field__messages { line-height: 1.25; overflow-wrap: anywhere; }
.katib-create .q-field__bottom { padding-top: .2rem; }
"""
