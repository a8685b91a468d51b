"""Objects in and out: an experiment's trials as files, and files as finished trials.

``results`` is what is exported: ``text`` words it as CSV and JSON, ``parquet``, ``optuna_out`` and
``mlflow`` hand it to libraries of others, which ``libraries`` loads. ``archive`` is what is
imported: ``csv_in`` and ``optuna_in`` read it, ``spaces`` finds the search space that it was
searched in, and ``bringing`` makes an experiment of it. ``calls`` is what users' programs call.
"""
