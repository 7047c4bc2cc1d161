"""An invented market whose every bar is a pure function of a seed."""
