"""ipywidgets control panels, one file a panel."""
