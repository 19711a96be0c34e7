"""What the commands share: options, values, notes, reports and progress."""
