"""The pictures of the tab of the plots, each in a panel with what is chosen for it.

A panel says when it has anything to show, draws it, and remembers what was chosen in the page's
address. What it draws is computed elsewhere, off the event loop.
"""
