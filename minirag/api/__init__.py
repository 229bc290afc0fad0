"""What every HTTP answer has in common: errors, ids, pages, strict input, limits."""
