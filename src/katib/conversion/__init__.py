"""Older documents into the present API: v1alpha3 becomes v1beta1.

What is here turns one manifest into another and says, with a line, what it cannot turn. It knows
the documents' shapes and nothing of what runs them; whether the result is legal is for admission.
"""
