"""How dates and times are written on pages: the day first, 24 hours, no guess about a.m."""
