"""The page *Objects*: its table, filters and plots; plain Qt."""
