"""Forms that magicgui makes from typed functions; scripts call the functions themselves."""
