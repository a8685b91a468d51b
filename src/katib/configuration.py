"""KatibConfig: the file that configures a home."""
