"""``python -m katib`` is the ``katib`` command."""

from katib.cli import main

if __name__ == "__main__":
    main()
