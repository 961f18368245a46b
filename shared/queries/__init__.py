"""Every statement that the services run, one module per subject; the functions they call stand in `functions/`."""
