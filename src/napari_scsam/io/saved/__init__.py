"""Labels that are saved while they are painted: the array behind the labels layer of a project."""
