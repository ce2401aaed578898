"""Speed, measured as ratios in one run on one Redis; nothing here is a test."""
