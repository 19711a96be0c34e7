"""Results of other programs: micro-sam and empanada."""
