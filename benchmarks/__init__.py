"""Measurements, and the tables and plots that are made of them: see README.md beside this file."""
