"""What a panel or a key does: one class a panel."""
