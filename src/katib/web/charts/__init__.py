"""What a browser draws: options of ECharts, made from tables and what is learnt from them.

Every function is pure, and what it returns is bounded however many trials there are.
"""
