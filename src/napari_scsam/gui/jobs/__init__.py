"""What runs beside the window: the worker thread and the work it does."""
