"""What the page *Objects* does: find, measure, select, edit and show single organelles."""
