"""Reading, writing and preparing EM volumes; knows no torch."""
