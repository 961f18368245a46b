"""The formal model of dialling, and what it is checked for."""
