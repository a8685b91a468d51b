"""The suggestion controller: asks the algorithm for the assignments that are wanted, keeps them."""

from katib.controllers.suggestion.reconciler import SuggestionReconciler

__all__ = ["SuggestionReconciler"]
