"""The sections of the form, one file each. None knows another: they meet in the document."""
