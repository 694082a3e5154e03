"""Programs of their own that a bed runs; they import nothing of the harness."""
